"""What people see of a run: live lines while it goes on, tables when it is over."""
