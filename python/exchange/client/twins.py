"""Calls that a client that waits and one that is awaited have in one table, typed for each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Concatenate, ParamSpec, Protocol, TypeVar, overload

A = ParamSpec("A")
W = TypeVar("W", bound="Waits")
V = TypeVar("V", bound="Awaited")
T_co = TypeVar("T_co", covariant=True)


class Waits:
    """Of whom a call gives its answer."""


class Awaited:
    """Of whom a call gives what is to be awaited."""


class Call(Protocol[A, T_co]):
    """A call of both, with these arguments and this answer."""

    @overload
    def __get__(self, of: Waits, kind: type, /) -> Callable[A, T_co]: ...
    @overload
    def __get__(self, of: Awaited, kind: type, /) -> Callable[A, Awaitable[T_co]]: ...
    @overload
    def __get__(self, of: None, kind: type[W], /) -> Callable[Concatenate[W, A], T_co]: ...
    @overload
    def __get__(self, of: None, kind: type[V], /) -> Callable[Concatenate[V, A], Awaitable[T_co]]: ...


class Rows(Protocol[A, T_co]):
    """A call of both that gives rows, one after the other."""

    @overload
    def __get__(self, of: Waits, kind: type, /) -> Callable[A, Iterator[T_co]]: ...
    @overload
    def __get__(self, of: Awaited, kind: type, /) -> Callable[A, AsyncIterator[T_co]]: ...
    @overload
    def __get__(self, of: None, kind: type[W], /) -> Callable[Concatenate[W, A], Iterator[T_co]]: ...
    @overload
    def __get__(self, of: None, kind: type[V], /) -> Callable[Concatenate[V, A], AsyncIterator[T_co]]: ...
