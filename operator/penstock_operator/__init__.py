"""The operator: Tasks onto queues, pools onto Deployments, outcomes onto resources. Nothing else knows kopf."""
