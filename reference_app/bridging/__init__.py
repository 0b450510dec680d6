"""What the bridge is made of; its users import `reference_app.bridge`."""
