"""Where profiles are kept between runs: one readable file per key, found by the key alone.

    <folder>/<device>-<side>-<engine>-<precision>-b<batch>-<12 digits of the key's hash>.json

A changed driver, network, engine or batch makes another key and so another file: the old profile is
never read for the new one. A file that is there but damaged is an error, since measuring again in
silence would hide it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import re
from pathlib import Path

from joulecut_core.decoding import encode
from joulecut_core.errors import ConfigError, ProfileError
from joulecut_core.profiles import Profile, ProfileKey, load_profile, save_profile

_LOG = logging.getLogger(__name__)

_HASH_DIGITS = 12
_LONGEST_SLUG = 100


class ProfileStore:
    """Profiles in a folder one may write to, behind it folders of shipped ones that are only read."""

    def __init__(self, folder: Path, *, shipped: tuple[Path, ...] = ()) -> None:
        self.folder = folder
        self._shipped = shipped

    def path(self, key: ProfileKey) -> Path:
        """Where `put` keeps a profile of this key."""
        return self.folder / profile_file_name(key)

    def get(self, key: ProfileKey) -> Profile | None:
        """The profile of exactly this key, the own folder before the shipped ones; None where there is none.

        Raises ProfileError where the file is damaged, holds a profile of another key or cannot be looked for.
        """
        for folder in (self.folder, *self._shipped):
            path = folder / profile_file_name(key)
            if _is_there(path):
                return _checked(load_profile(path), key, path)
        self._log_miss(key)
        return None

    def put(self, profile: Profile) -> Path:
        """Keep a profile, in place of an older one of the same key; its file. Raises as `save_profile`."""
        path = self.path(profile.key)
        save_profile(profile, path)
        return path

    def _log_miss(self, key: ProfileKey) -> None:
        others = sorted(
            path.name
            for folder in (self.folder, *self._shipped)
            if folder.is_dir()
            for path in folder.glob(f"{_slug(key)}-*.json")
        )
        if others:
            _LOG.info("no profile of %s; %s is of another driver, network or meter", key, ", ".join(others))
        else:
            _LOG.info("no profile of %s", key)


def default_profile_folder() -> Path:
    """The user's cache folder for profiles. Raises ConfigError where platformdirs is not installed."""
    try:
        import platformdirs  # noqa: PLC0415 - part of the agents' extra only
    except ModuleNotFoundError as cause:
        raise ConfigError("platformdirs is missing; install it with `pip install 'joulecut[agents]'`") from cause
    return Path(platformdirs.user_cache_dir("joulecut")) / "profiles"


def profile_file_name(key: ProfileKey) -> str:
    """The file a profile of this key is kept in: the same on every machine, so shipped profiles are found."""
    canonical = json.dumps(encode(key), sort_keys=True, separators=(",", ":"))
    return f"{_slug(key)}-{hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_DIGITS]}.json"


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        text = f"no profile can be looked for here: {error.strerror}; let this user enter it, or name another folder"
        raise ProfileError(f"{path.parent}: {text}") from error
    return True


def _slug(key: ProfileKey) -> str:
    words = f"{key.device} {key.side} {key.engine} {key.precision} b{key.batch}"
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-.")[:_LONGEST_SLUG]


def _checked(profile: Profile, key: ProfileKey, path: Path) -> Profile:
    for field in dataclasses.fields(ProfileKey):
        actual, expected = getattr(profile.key, field.name), getattr(key, field.name)
        if actual != expected:
            raise ProfileError(
                f"{path}: key.{field.name}: {actual!r}; expected {expected!r} as its name promises: "
                "delete the file and make the profile again"
            )
    return profile
