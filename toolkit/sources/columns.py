"""Which column of a table is which, where the config does not say."""

from __future__ import annotations

from collections.abc import Collection

from toolkit.errors import DataError
from toolkit.sources.files import is_image
from toolkit.sources.table import Table

# Names by which columns are recognised, the likeliest first; capitals and punctuation do not matter. `name` comes
# after the paths: beside a path it is mostly the name of the class.
ID_NAMES = (
    "image_id", "id", "image", "img_id", "img", "filename", "file", "file_id", "id_code", "isic_id", "image_name",
    "path", "filepath", "image_path", "img_path", "image_file", "name",
)  # fmt: skip
PATH_NAMES = ("path", "filepath", "image_path", "img_path", "filename", "file", "image_file")
LABEL_NAMES = (
    "label", "class", "target", "category", "label_id", "class_id", "category_id", "labels", "class_name",
    "label_name", "category_name", "diagnosis", "dx", "y",
)  # fmt: skip
GROUP_NAMES = (
    "group", "group_id", "patient", "patient_id", "slide", "slide_id", "video", "video_id", "subject", "subject_id",
    "lesion", "lesion_id",
)  # fmt: skip


def id_and_path_columns(
    table: Table, id_column: str | None, path_column: str | None, taken: Collection[str | None] = ()
) -> tuple[str, str]:
    """The columns of ids and of paths; the same one where a table has no other.

    Args:
        table: The CSV.
        id_column: Named by the user, or None.
        path_column: Named by the user, or None.
        taken: Columns that are something else.

    Raises:
        DataError: A named column does not exist, or none is recognised.
    """
    for name in (id_column, path_column):
        if name is not None:
            table.column(name)
    ids = id_column or table.guess(ID_NAMES, taken)
    paths = path_column or table.guess(PATH_NAMES, taken)
    if ids is None and paths is None:
        ids = next((name for name, values in table.columns.items() if all(map(is_image, values))), None)
        if ids is None:
            raise DataError(
                f"{table.path} has no column that looks like picture ids or paths; its columns are "
                f"{', '.join(map(repr, table.columns))}. Name one in `data.id_column` or `data.path_column`."
            )
    first = ids or paths or ""
    return first, paths or first
