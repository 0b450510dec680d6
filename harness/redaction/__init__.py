"""Redaction: what is shown of a log or a history, without its secrets and without what people wrote."""

from harness.redaction.redactor import Redactor
from harness.redaction.rules import Rules, configured, rules
from harness.redaction.words import Words

__all__ = ["Redactor", "Rules", "Words", "configured", "rules"]
