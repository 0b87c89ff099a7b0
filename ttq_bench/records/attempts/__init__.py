"""Who may write a trial: numbered attempts with a lease, and how far the newest one is."""
