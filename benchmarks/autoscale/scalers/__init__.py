"""Who decides on the number of replicas: models of what others have, and Penstock's own policy."""
