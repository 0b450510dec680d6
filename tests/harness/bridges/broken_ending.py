"""The same sound bridge, and others that lack one of the properties I each."""

import asyncio
import os
import threading

from broken_stopping import Sound, Stopped


class Orphaned(Sound):
    def loop(self):
        self.owner = os.getpid()
        if not hasattr(self, "known"):
            self.owner = 0
        return super().loop()


class NoEnd(Sound):
    def end(self):
        """Leave everything to the interpreter."""


class EndsWithoutWaiting(Sound):
    def end(self):
        def cancel():
            for task in asyncio.all_tasks(self.known):
                task.cancel()

        self.known.call_soon_threadsafe(self.known.call_later, 0.05, cancel)


class FreesNobody(Sound):
    def run(self, function, *args, **options):
        try:
            return super().run(function, *args, **options)
        except Stopped:
            threading.Event().wait()


class LoudEnd(Sound):
    def end(self):
        super().end()
        os.write(2, b"ended\n")


class BadExit(Sound):
    def end(self):
        # When every call has been answered.
        self.known.call_soon_threadsafe(self.known.call_later, 0.1, os._exit, 3)


class StuckAtExit(Sound):
    def end(self):
        self.run = lambda function, *args, **options: threading.Event().wait()


class StuckEnd(Sound):
    def end(self):
        threading.Event().wait()


class ForgetsAtExit(Sound):
    def end(self):
        def refuse(function, *args, **options):
            raise Stopped(f"{function(*args)} comes too late")

        self.run = refuse


class WrongAtExit(Sound):
    def end(self):
        self.run = lambda function, *args, **options: None
