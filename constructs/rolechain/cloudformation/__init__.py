"""CloudFormation templates, resolved: stacks, stack sets, nested stacks and intrinsic functions."""
