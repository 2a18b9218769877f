"""WorkerPools: seen, decided on, brought about, shown."""
