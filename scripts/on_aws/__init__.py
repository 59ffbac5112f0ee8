"""What the scripts for deployed stacks share. Needs Python 3.10 and the AWS CLI, and nothing else."""
