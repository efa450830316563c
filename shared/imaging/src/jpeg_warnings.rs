//! libjpeg's warnings: which of them leave a picture whole, and which do not.
//!
//! libjpeg warns about damage and continues, with grey for whatever it could
//! not decode. Here, a warning that costs pixels is an error.

use std::panic;
use std::ptr;

use mozjpeg_sys::{
    JWRN_ADOBE_XFORM, JWRN_BOGUS_ICC, JWRN_BOGUS_PROGRESSION, JWRN_EXTRANEOUS_DATA, JWRN_HIT_MARKER,
    JWRN_HUFF_BAD_CODE, JWRN_JFIF_MAJOR, JWRN_JPEG_EOF, JWRN_MUST_RESYNC, JWRN_NOT_SEQUENTIAL,
    JWRN_TOO_MUCH_DATA, jpeg_common_struct, jpeg_error_mgr,
};

use crate::Rejection;

/// What a warning says of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Severity {
    /// Every pixel is decoded as it was encoded.
    Benign,
    /// Pixels are missing or wrong.
    Fatal,
}

use Severity::{Benign, Fatal};

/// Every warning of libjpeg's decoder as it is built here (without arithmetic coding), with its severity and the reason. A
/// warning that is not listed is fatal.
const WARNINGS: [(i32, Severity, &str); 11] = [
    (
        JWRN_NOT_SEQUENTIAL,
        Benign,
        "Samsung and others write Se=0 into the scan header of a sequential file, whose decoder ignores it",
    ),
    (
        JWRN_EXTRANEOUS_DATA,
        Benign,
        "bytes before a marker follow the last block of their interval, which is decoded already",
    ),
    (
        JWRN_BOGUS_PROGRESSION,
        Benign,
        "the scans come in an unusual order; each is decoded, and MAX_SCANS bounds their number",
    ),
    (JWRN_ADOBE_XFORM, Benign, "an unknown transform is taken for YCbCr or YCCK, as by browsers"),
    (JWRN_JFIF_MAJOR, Benign, "the revision of JFIF does not change how pixels are decoded"),
    (JWRN_BOGUS_ICC, Benign, "profiles are read by this crate, which ignores those that are damaged"),
    (JWRN_HIT_MARKER, Fatal, "the data of a scan or an interval ends early; the rest is grey"),
    (JWRN_JPEG_EOF, Fatal, "the file ends early; the rest is grey"),
    (
        JWRN_MUST_RESYNC,
        Fatal,
        "an interval is missing, since wrong numbers of restart markers are corrected before; it is grey",
    ),
    (JWRN_HUFF_BAD_CODE, Fatal, "a code that does not exist: all blocks up to the next marker are wrong"),
    (JWRN_TOO_MUCH_DATA, Fatal, "more rows were asked for than there are, which only a bug here can do"),
];

/// An error manager that leaves libjpeg by unwinding at errors and at fatal
/// warnings.
pub(crate) fn strict_errors() -> jpeg_error_mgr {
    jpeg_error_mgr {
        error_exit: Some(fail),
        emit_message: Some(fail_on_damage),
        output_message: Some(ignore),
        format_message: Some(format_nothing),
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: Default::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}

/// Leaves libjpeg without calling the panic hook: a bad file is no bug.
#[cold]
extern "C-unwind" fn fail(_: &mut jpeg_common_struct) {
    panic::resume_unwind(Box::new(Rejection::Corrupt));
}

/// libjpeg's level for warnings; traces have higher ones.
const WARNING: i32 = -1;

#[expect(unsafe_code, reason = "libjpeg tells which warning it is only behind this pointer")]
extern "C-unwind" fn fail_on_damage(decoder: &mut jpeg_common_struct, level: i32) {
    if level != WARNING {
        return;
    }
    // SAFETY: libjpeg calls this with the error manager that `err` points to, and has set `msg_code` in it.
    let code = unsafe { (*decoder.err).msg_code };
    if severity(code) == Fatal {
        fail(decoder);
    }
}

fn severity(code: i32) -> Severity {
    let listed = WARNINGS.iter().find(|(warning, ..)| *warning == code);
    listed.map_or(Fatal, |&(_, severity, _)| severity)
}

extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}

extern "C-unwind" fn format_nothing(_: &mut jpeg_common_struct, _: &[u8; 80]) {}
