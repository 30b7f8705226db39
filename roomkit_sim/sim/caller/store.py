"""Where spoken utterances are kept: beside the scenarios, in git, and in a cache of the user.

Both hold 16 kHz PCM16 mono WAV, trimmed to what is audible. A committed file is named after the utterance and the key
of its content, ``<utterance id>-<key>.wav``; only the key counts, so an utterance can be renamed. The cache's keys
depend on the synthesiser's version too; committed speech does not, so that it can be used where there is none.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from roomkit_sim.sim.caller.synthesis import SpeechRequest

__all__ = [
    "STORE_FOLDER",
    "STORE_RATE_HZ",
    "cache_file",
    "content_key",
    "find_committed",
    "new_committed",
    "store_folders",
]

STORE_FOLDER = "audio"
STORE_RATE_HZ = 16000
_LEVELS_UP = 3


def content_key(request: SpeechRequest, *more: str) -> str:
    """12 hexadecimal digits that stand for what is spoken and how.

    Args:
        request: Text, voice, rate and pitch.
        more: What else the sound depends on.
    """
    content = json.dumps([asdict(request), *more], sort_keys=True, ensure_ascii=False)
    return blake2b(content.encode(), digest_size=6).hexdigest()


def store_folders(base_dir: Path) -> list[Path]:
    """The ``audio`` folders in which committed speech is looked for: of ``base_dir`` and of the folders above it.

    The search ends at the root of the project (a folder with ``pyproject.toml`` or ``.git``), or three levels up.
    """
    folders: list[Path] = []
    for folder in [base_dir.absolute(), *base_dir.absolute().parents][: _LEVELS_UP + 1]:
        folders.append(folder / STORE_FOLDER)
        if (folder / "pyproject.toml").exists() or (folder / ".git").exists():
            break
    return folders


def find_committed(request: SpeechRequest, base_dir: Path) -> Path | None:
    """The committed file of this speech, if there is one."""
    pattern = f"*-{content_key(request)}.wav"
    for folder in store_folders(base_dir):
        matches = sorted(folder.glob(pattern))
        if matches:
            return matches[0]
    return None


def new_committed(utterance: str, request: SpeechRequest, base_dir: Path) -> Path:
    """Where committed speech goes: the nearest ``audio`` folder that exists, else a new one in ``base_dir``."""
    folders = store_folders(base_dir)
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    readable = re.sub(r"[^A-Za-z0-9_.]+", "-", utterance).strip("-") or "utterance"
    return folder / f"{readable}-{content_key(request)}.wav"


def cache_file(request: SpeechRequest, versions: str) -> Path:
    """The file of this speech in the user's cache, whether it exists or not."""
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("roomkit-sim")) / "speech"
    return folder / f"{content_key(request, versions)}.wav"
