"""Search: scenarios are drawn, made smaller while they still fail, and written down as files."""
