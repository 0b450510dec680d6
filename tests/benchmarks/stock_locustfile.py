"""A load as anybody would write it with stock Locust: paced users, each of whom waits for its answer."""

from locust import FastHttpUser, constant_throughput, task


class StockUser(FastHttpUser):
    """Ten turns a second, if the service lets it."""

    wait_time = constant_throughput(10)

    @task
    def turn(self) -> None:
        """One turn."""
        headers = {"X-Request-ID": "stock"}
        self.client.post("/workflow/execute", json={"message": "hello"}, headers=headers, name="turn")
