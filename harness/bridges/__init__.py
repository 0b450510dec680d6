"""The kit that judges any bridge from sync code into async code: properties, adapters, verdicts, stress."""
