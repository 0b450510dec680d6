"""What the store says of a commit is not what it did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.faults.store_base import COMMIT, Scene, StoreFault, broken
from harness.inside import Operation, StoreRule
from harness.registry import fault


@fault("store.commit_fails", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommitFails(StoreFault):
    """A commit fails, and the transaction is rolled back: nothing of it is stored."""

    def _rule(self, scene: Scene) -> StoreRule:
        def fail(operation: Operation, _do: Callable[[], Any]) -> Any:
            scene.fired(operation, "failed, rolled back")
            raise broken(COMMIT)

        return scene.on((COMMIT,), fail)


@fault("store.commit_uncertain", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommitUncertain(StoreFault):
    """A commit is done and its acknowledgement lost: all of it is stored, and an error is reported (anthropic-sdk-java#370)."""

    def _rule(self, scene: Scene) -> StoreRule:
        def deny(operation: Operation, do: Callable[[], Any]) -> Any:
            do()
            scene.fired(operation, "stored, reported as failed")
            raise broken(COMMIT)

        return scene.on((COMMIT,), deny)


@fault("store.lost_write", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLostWrite(StoreFault):
    """A commit is acknowledged, and nothing is stored: no service can do anything about it.

    It calibrates U5, which must fail under it: otherwise U5 is blind.
    """

    calibrates: ClassVar[bool] = True

    def _rule(self, scene: Scene) -> StoreRule:
        def lose(operation: Operation, _do: Callable[[], Any]) -> None:
            scene.fired(operation, "acknowledged, rolled back")

        return scene.on((COMMIT,), lose)
