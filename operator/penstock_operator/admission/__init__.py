"""From a Task resource to a message on its queue: view → decide → admit."""
