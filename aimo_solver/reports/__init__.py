"""What people see of a run: live lines while it is under way, tables and reports afterwards."""
