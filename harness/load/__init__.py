"""Load: a service under many users, judged by gates. Only `users` and `master` may run inside locust's process."""
