"""Every setting of the service. Read from the environment at the front doors only; everyone else receives values."""

import sys
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from unitscale.wire.slots import cut


class Settings(BaseSettings):
    """Settings, each from the variable `UNITSCALE_` + its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="UNITSCALE_", env_ignore_empty=True, frozen=True, use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Address the API binds."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port the API binds; 0 takes a free one."""
    redis_url: str | None = None
    """Redis or Valkey, `redis://`, `rediss://` or `unix://`. Unset: `up` starts an embedded Valkey."""
    data_dir: Path = Path("~/.unitscale")
    """Admin key, embedded Valkey's files, data sets, checkpoints and artifacts: shared by API and workers."""
    blob_url: str | None = Field(default=None, pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,62}(/[A-Za-z0-9._/-]*)?$")
    """Object store for data sets, checkpoints and artifacts, `s3://bucket/prefix`. Unset: the data directory."""
    max_cache_bytes: int = Field(default=100 * 2**30, ge=2**20)
    """What a machine keeps at hand of the object store's files."""
    library_dir: Path | None = None
    """A folder with data sets of the catalog that a worker takes over when it starts; an image's own, mostly."""
    api_key: SecretStr | None = None
    """The admin key. Unset: one is made at first start and kept in `<data-dir>/admin.key`."""
    slots: str = "auto"
    """How a node is cut: a number of one-core slots, or sets of devices such as `cuda:0;cuda:1;cuda:2,3`."""
    node: str | None = None
    """The worker that a pool process belongs to; `unitscale worker` sets it for its own."""
    lease_seconds: float = Field(default=10.0, ge=1, le=600)
    """How long a job stays with a supervisor that is not heard of."""
    max_losses: int = Field(default=5, ge=1, le=100)
    """Lost attempts in a row, without a new checkpoint, after which a job fails."""
    max_unfinished_jobs: int = Field(default=10_000, ge=1)
    """Unfinished jobs that one project may have."""
    max_body_bytes: int = Field(default=4 * 2**20, ge=1024)
    """Largest request body."""
    max_dataset_bytes: int = Field(default=10 * 2**30, ge=1024)
    """Largest upload of a data set."""
    prediction_timeout_seconds: float = Field(default=20.0, gt=0, le=60)
    """How long a prediction may take before the answer is 503."""
    price_per_device_hour: float | None = Field(default=None, ge=0, le=1e6)
    """What an hour of one device costs, in any currency. Unset: results name no price."""
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """How much the service writes to stderr."""

    @field_validator("slots")
    @classmethod
    def _cuttable(cls, slots: str) -> str:
        cut(slots)
        return slots

    @classmethod
    def of_environment(cls) -> "Settings":
        """The settings of this process's environment; one that cannot be used ends the process with its name."""
        try:
            return cls()
        except ValidationError as error:
            wrong = (
                f"UNITSCALE_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            sys.exit("error: " + "\n       ".join(wrong))

    @property
    def data_folder(self) -> Path:
        """The data directory, absolute."""
        return self.data_dir.expanduser().absolute()

    @property
    def store_url(self) -> str:
        """Where the record is: the given address, or the embedded Valkey's socket."""
        return self.redis_url or f"unix://{self.data_folder / 'valkey' / 'valkey.sock'}"
