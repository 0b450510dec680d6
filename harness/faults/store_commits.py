"""What the store says of a commit is not what it did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from harness.faults.client_holds import one_effect
from harness.faults.store_base import COMMIT, SECONDS_MAX, Scene, StoreFault, broken
from harness.faults.store_holds import retry_after, same_answer
from harness.inside import Operation, StoreRule
from harness.registry import Invariant, fault
from harness.rig import check


@fault("store.commit_fails", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommitFails(StoreFault):
    """A commit fails, and the transaction is rolled back: nothing of it is stored."""

    holds: ClassVar[tuple[Invariant, ...]] = (retry_after, one_effect)

    def _rule(self, scene: Scene) -> StoreRule:
        def fail(operation: Operation, _do: Callable[[], Any]) -> Any:
            scene.fired(operation, "failed, rolled back")
            raise broken(COMMIT)

        return scene.on((COMMIT,), fail)


@fault("store.commit_uncertain", needs=("store", "inside"))
@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCommitUncertain(StoreFault):
    """A commit is done and its acknowledgement lost: all is stored, and an error reported `delay_s` later (anthropic-sdk-java#370)."""

    holds: ClassVar[tuple[Invariant, ...]] = (same_answer, one_effect)

    delay_s: float = 0.1

    def _check(self) -> None:
        check("delay_s", self.delay_s, 0, SECONDS_MAX)

    def _rule(self, scene: Scene) -> StoreRule:
        def deny(operation: Operation, do: Callable[[], Any]) -> Any:
            do()
            scene.fired(operation, "stored, reported as failed")
            scene.over.wait(self.delay_s)
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
