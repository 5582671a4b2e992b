"""What tests share: functions that run in workers, scripts in their own processes, leak checks."""
