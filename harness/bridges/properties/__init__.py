"""The properties: each module holds one group, and a new one is a new function in any of them."""
