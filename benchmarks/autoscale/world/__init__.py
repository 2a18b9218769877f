"""What is simulated: tasks on one queue, the pods that work them off, the controller that makes and removes pods."""
