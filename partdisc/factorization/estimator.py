"""NMF as an estimator with scikit-learn's contract."""

from __future__ import annotations

from typing import Any

import torch

from partdisc.checks import check_array
from partdisc.errors import DataError
from partdisc.factorization.activations import solve_activations
from partdisc.factorization.blocks import BlockReader, open_blocks
from partdisc.factorization.contract import Estimator
from partdisc.factorization.engine import Factorization
from partdisc.factorization.nmf import non_negative_factorization
from partdisc.factorization.streaming import StreamState, absorb
from partdisc.factorization.survey import survey
from partdisc.threads import one_thread


class BasisModel(Estimator):
    """What NMF and semi-NMF share: a learnt basis, and activations of rows for it."""

    signed = False  # whether X may be negative

    device: torch.device | str | None
    block_rows: int | None
    components_: Any

    @one_thread()
    def transform(self, X: Any) -> Any:
        """Activations W (M, K) >= 0 of the rows of X for the learnt basis, solved to their optimum.

        Raises:
            NotFittedError: before fit.
            DataError: if X has another number of columns, is not finite or, for NMF, negative somewhere.
        """
        self._check_fitted("components_")
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        survey(reader, signed=self.signed)
        return reader.restore(solve_activations(reader, self._basis_for(reader)))

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the basis from X (M, C); y is ignored. Returns self."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn the basis from X (M, C) and return its activations W (M, K); y is ignored."""
        raise NotImplementedError

    def inverse_transform(self, W: Any) -> Any:
        """W (M, K) times the learnt basis: what the model makes of X, of shape (M, C).

        Raises:
            NotFittedError: before fit.
            DataError: if W is no matrix of numbers with a column for each component.
        """
        self._check_fitted("components_")
        if not isinstance(W, torch.Tensor):
            W = check_array("W", W, "(M, K)")
        if W.ndim != 2 or W.shape[1] != len(self.components_):
            raise DataError(
                f"Expected W of shape (M, {len(self.components_)}), as transform gives it, but got {tuple(W.shape)}."
            )
        if isinstance(W, torch.Tensor):
            return W @ torch.as_tensor(self.components_).to(W)
        return W @ torch.as_tensor(self.components_).cpu().numpy()

    def _keep(self, found: Factorization) -> Any:
        self.components_ = found.H
        self.n_iter_ = found.n_iter
        self.loss_history_ = found.loss_history
        self.reconstruction_err_ = found.reconstruction_err
        self.relative_error_ = found.relative_error
        self.converged_ = found.converged
        self.stream_: StreamState | None = None
        return found.W

    def _basis_for(self, reader: BlockReader) -> torch.Tensor:
        basis = torch.as_tensor(self.components_).to(device=reader.device, dtype=reader.dtype)
        if reader.shape[1] != basis.shape[1]:
            raise DataError(
                f"Expected X with {basis.shape[1]} columns, as in fit, but got {reader.shape[1]}. "
                "Take the features of the same backbone and layers."
            )
        return basis


class NMF(BasisModel):
    """Non-negative matrix factorization X (M, C) ≈ W (M, K) H (K, C), minimising ½ ‖X − W H‖².

    X may be an array, a tensor or a `RowBlocks` that is read block by block. numpy in, numpy out; tensors come back
    as tensors on the same device. float64 stays float64, every other dtype is computed and returned as float32.

    Args:
        num_components: K.
        init, solver, max_iter, tol, seed, restarts, inner_sweeps, block_rows, max_seconds, max_memory, precision,
            device: as in `non_negative_factorization`.

    Attributes:
        components_: the basis H of shape (K, C).
        n_iter_: iterations done.
        loss_history_: ½ ‖X − WH‖² at the start and after each iteration; never rises.
        reconstruction_err_: ‖X − WH‖.
        relative_error_: ‖X − WH‖ / ‖X‖.
        converged_: whether the stopping rule was met before `max_iter`.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((30, 8), dtype=np.float32)
    >>> model = NMF(2, seed=0)
    >>> W = model.fit_transform(X)
    >>> W.shape, W.dtype.name, model.components_.shape
    ((30, 2), 'float32', (2, 8))
    >>> model.transform(X[:5]).shape
    (5, 2)
    """

    def __init__(
        self,
        num_components: int,
        *,
        init: Any = "compressed",
        solver: str = "hals",
        max_iter: int = 200,
        tol: float = 1e-4,
        seed: int = 0,
        restarts: int = 1,
        inner_sweeps: int = 3,
        block_rows: int | None = None,
        max_seconds: float | None = None,
        max_memory: float | None = None,
        precision: str = "full",
        device: torch.device | str | None = None,
    ) -> None:
        self.num_components = num_components
        self.init = init
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.seed = seed
        self.restarts = restarts
        self.inner_sweeps = inner_sweeps
        self.block_rows = block_rows
        self.max_seconds = max_seconds
        self.max_memory = max_memory
        self.precision = precision
        self.device = device

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn the basis from X (M, C) and return its activations W (M, K); y is ignored."""
        return self._keep(non_negative_factorization(X, **self.get_params()))

    @one_thread()
    def partial_fit(self, X: Any, y: Any = None) -> NMF:
        """Improve the basis by one batch of rows from a stream; the first batch starts it, if `fit` did not.

        See `streaming.absorb` for the method. Only `components_` and `n_batches_` are kept up to date.
        """
        if not hasattr(self, "components_"):
            self.fit(X)
        reader = open_blocks(X, block_rows=self.block_rows, device=self.device)
        survey(reader)
        self.stream_, basis = absorb(reader, self._basis_for(reader), self.stream_)
        self.components_ = reader.restore(basis)
        self.n_batches_ = self.stream_.batches
        return self
