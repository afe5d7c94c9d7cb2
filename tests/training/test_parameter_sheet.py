import os

import pytest

from training import parameter_sheet
from training.data_errors import ParameterSheetError, SheetClassError, SheetFileError, SheetNumberError, SheetRowError
from training.parameter_sheet import default_sheet, read_parameter_sheet

KNOWN = {"wind/a.flac", "wind/b.flac", "rain/c, d.flac"}
GOOD = 'file,class,strength,density\nwind/a.flac,wind,0.5,\nwind/b.flac,wind,-1e-1,\n"rain/c, d.flac",rain,,.25\n'


def written(folder, text, name="parameters.csv"):
    sheet = folder / name
    sheet.write_bytes(text if isinstance(text, bytes) else text.encode())
    return sheet


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.csv", GOOD),
        ("s.csv", b"\xef\xbb\xbf" + GOOD.encode()),
        ("s.csv", GOOD.replace("\n", "\r\n")),
        ("s.csv", "\n" + GOOD + "\n,,,\n"),
        ("s.csv", GOOD.replace('"', "").replace("c, d", "#").replace(",", ";").replace("#", "c, d")),
        ("s.txt", GOOD.replace('"', "").replace("c, d", "#").replace(",", "\t").replace("#", "c, d")),
        ("s.tsv", GOOD.replace('"', "").replace("c, d", "#").replace(",", "\t").replace("#", "c, d")),
        ("s.csv", GOOD.replace("file,class", "Full File Name,Class Name")),
        ("s.csv", GOOD.replace("wind/a.flac", "./wind/a.flac").replace(",wind,", ", wind ,")),
    ],
)
def test_the_same_sheet_in_every_dress(tmp_path, name, text):
    sheet = read_parameter_sheet(written(tmp_path, text, name), KNOWN)
    assert sheet.parameters == ("strength", "density")
    assert {path: (row.class_name, row.values) for path, row in sheet.rows.items()} == {
        "wind/a.flac": ("wind", {"strength": 0.5}),
        "wind/b.flac": ("wind", {"strength": -0.1}),
        "rain/c, d.flac": ("rain", {"density": 0.25}),
    }


def test_columns_stand_in_any_order_and_a_class_is_not_needed(tmp_path):
    sheet = read_parameter_sheet(written(tmp_path, "strength,file\n1,wind/a.flac\n"), KNOWN)
    assert sheet.rows["wind/a.flac"] == (sheet.rows["wind/a.flac"].__class__(2, None, {"strength": 1.0}))


@pytest.mark.parametrize(
    ("error", "text", "said"),
    [
        (SheetFileError, "file,class,s\nwind/a.flac,wind,0\nwind/z.flac,wind,0\n", r"line 3: .*'wind/z\.flac'"),
        (SheetFileError, "file,class,s\n../wind/a.flac,wind,0\n", r"line 2"),
        (SheetFileError, "file,class,s\n/etc/passwd,wind,0\n", r"line 2"),
        (SheetFileError, "file,class,s\nwind\\a.flac,wind,0\n", r"forward slashes"),
        (SheetFileError, "file,class,s\n,wind,0\n", r"line 2"),
        (SheetRowError, "file,class,s\nwind/a.flac,wind,0\nwind/a.flac,wind,1\n", r"line 3: names a file again; got wind/a\.flac.*line 2"),
        (SheetRowError, "file,class,s\nwind/a.flac,wind,0\n./wind/a.flac,wind,1\n", r"line 3: names a file again"),
        (SheetRowError, "file,class,s\nwind/a.flac,wind\n", r"line 2: .*got 2; allowed: 3"),
        (SheetRowError, "file,class,s\nwind/a.flac,wind,0,5\n", r"line 2: .*got 4; allowed: 3"),
        (SheetClassError, "file,class,s\nwind/a.flac,,0\n", r"line 2: .*class; got ''"),
        (SheetClassError, "file,class,s\nwind/a.flac,   ,0\n", r"line 2"),
        (SheetClassError, f"file,class,s\nwind/a.flac,{'w' * 49},0\n", r"line 2.*allowed: 1 to 48"),
        (SheetClassError, "file,class,s\nwind/a.flac,wi\x1b[31mnd,0\n", r"line 2"),
        *(
            (SheetNumberError, f"file;class;s\nwind/a.flac;wind;{cell}\n", r"line 2: column 's'.*allowed: a finite number")
            for cell in (
                "loud",
                "nan",
                "NaN",
                "inf",
                "-Infinity",
                "1e999",
                "0,5",
                "1_0",
                "0x1",
                "=1+1",
                "٣",
                "1 2",
                "--1",
                "1" * 100_000 + "x",
            )
        ),
        (ParameterSheetError, "", r"is empty"),
        (ParameterSheetError, "\n\n , ,\n", r"is empty"),
        (ParameterSheetError, "file,class,s\n", r"a header and no row"),
        (ParameterSheetError, "name,class,s\nwind/a.flac,wind,0\n", r"no column of files; got name, class, s"),
        (ParameterSheetError, "file,class,s,s\nwind/a.flac,wind,0,0\n", r"column twice; got 's'"),
        (ParameterSheetError, "file,class,\nwind/a.flac,wind,0\n", r"column 3 has no name"),
        (ParameterSheetError, f"file,class,{'s' * 49}\nwind/a.flac,wind,0\n", r"column 3 has no name.*allowed: 1 to 48"),
        (ParameterSheetError, "file,class,s,s[0..1]\nwind/a.flac,wind,0,0\n", r"column twice; got 's'"),
        (ParameterSheetError, "file,class,[0..1]\nwind/a.flac,wind,0\n", r"column 3 has no name"),
        *(
            (ParameterSheetError, f"file;class;{cell}\nwind/a.flac;wind;0\n", r"column 3 declares no range.*gust\[0\.\.10\]")
            for cell in (
                "s[1..0]",
                "s[1..1]",
                "s[0..inf]",
                "s[0..1e999]",
                "s[low..high]",
                "s[0,5..1]",
                "s[0-10]",
                "s[0…1]",
                "class name[0..1]",
            )
        ),
        (ParameterSheetError, f"file,class,s{' ' * 100_000}[0..1\nwind/a.flac,wind,0\n", r"column 3 has no name"),
        (ParameterSheetError, "file,class,s\nwind/a.flac,wind,\0\n", r"line 2: holds a NUL"),
        (ParameterSheetError, "file,class,s\nwind/a.flac,wi\xff,0\n".encode("latin-1"), r"not UTF-8"),
        (ParameterSheetError, GOOD.encode("utf-16"), r"not UTF-8"),
        (ParameterSheetError, f"file,class,s\nwind/a.flac,{'w' * 200_000},0\n", r"line 2: cannot be read as a table"),
        (ParameterSheetError, 'file,class,s\n"wind/a.flac,wind,0\n', r"cannot be read as a table"),
        (ParameterSheetError, 'file,class,s\n"wind/a.flac"x,wind,0\n', r"line 2: cannot be read as a table"),
    ],
)
def test_a_bad_sheet_is_refused_by_line(tmp_path, error, text, said):
    with pytest.raises(error, match=said) as caught:
        read_parameter_sheet(written(tmp_path, text), KNOWN)
    assert type(caught.value) is error
    assert "parameters.csv" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_what_is_no_sheet_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for sheet, said in (
        (tmp_path / "pipe.csv", "not a plain file"),
        (tmp_path, "not a plain file"),
        (tmp_path / "none.csv", "No such file"),
        (tmp_path / ("n" * 300), "too long"),
    ):
        with pytest.raises(ParameterSheetError, match=said):
            read_parameter_sheet(sheet, KNOWN)


def test_a_sheet_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(parameter_sheet, "LARGEST_BYTES", len(GOOD) - 1)
    with pytest.raises(ParameterSheetError, match=r"too large; got \d+ bytes"):
        read_parameter_sheet(written(tmp_path, GOOD), KNOWN)


def test_a_folder_has_a_sheet_by_name(tmp_path):
    assert default_sheet(tmp_path) is None
    tsv = written(tmp_path, GOOD, "parameters.tsv")
    assert default_sheet(tmp_path) == tsv
    assert default_sheet(tmp_path) != written(tmp_path, GOOD) == default_sheet(tmp_path)


def test_a_column_declares_the_range_of_its_parameter(tmp_path):
    text = "file,class,gust[0..10],depth [ -1.5 .. 2e1 ],level [dB],rate[.5...75],band[2]\nwind/a.flac,wind,11,,-3,.6,1\n"
    sheet = read_parameter_sheet(written(tmp_path, text), KNOWN)
    assert sheet.parameters == ("gust", "depth", "level [dB]", "rate", "band[2]")
    assert sheet.declared == {"gust": (0.0, 10.0), "depth": (-1.5, 20.0), "rate": (0.5, 0.75)}
    assert sheet.rows["wind/a.flac"].values["gust"] == 11.0
