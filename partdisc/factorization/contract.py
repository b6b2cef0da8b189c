"""scikit-learn's estimator contract without importing scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from partdisc.errors import ConfigError, NotFittedError

Self = TypeVar("Self", bound="Estimator")


class Estimator:
    """Base of estimators: the constructor stores its arguments under their own names and nothing else.

    `sklearn.base.clone`, pipelines and grid searches work on subclasses.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments as stored."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self: Self, **params: Any) -> Self:
        """Store arguments anew.

        Raises:
            ConfigError: if the constructor does not know one of them.
        """
        for name, value in params.items():
            if name not in self._parameter_names():
                known = ", ".join(self._parameter_names())
                raise ConfigError(
                    f"Expected a parameter of {type(self).__name__} ({known}), but got {name!r}."
                )
            setattr(self, name, value)
        return self

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls.__init__).parameters if name != "self"]

    def _check_fitted(self, attribute: str) -> None:
        if not hasattr(self, attribute):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit with appropriate data before using it."
            )

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn's pipelines ask, from version 1.6 on."""
        from sklearn.utils import Tags, TargetTags, TransformerTags

        transformer = TransformerTags() if hasattr(self, "transform") else None
        return Tags(estimator_type=None, target_tags=TargetTags(required=False), transformer_tags=transformer)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"
