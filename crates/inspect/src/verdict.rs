//! Weighs what was found against what was declared. Which formats are in the stream is known by now; whether the image
//! may have them is decided here and nowhere else.

use thiserror::Error;

use crate::finding::{Check, Finding, Safety, Size};
use crate::format::Format;

/// The largest size a database column for it holds.
const MAX_VIRTUAL_SIZE: u64 = i64::MAX as u64;

/// What the image says about the data that is being uploaded.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    pub disk_format: &'a str,
    pub container_format: &'a str,
}

impl Declared<'_> {
    /// Whether the data is looked at. Inside a container the disk is out of sight.
    pub fn is_inspected(&self) -> bool {
        self.container_format == "bare"
    }
}

/// What the operator has set in `[image_format]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `require_image_format_match`: refuse what is not as declared, instead of a warning. Unsafe data is refused
    /// either way.
    pub require_match: bool,
    /// `gpt_safety_checks_nonfatal`: names of checks a partitioned disk may fail.
    pub gpt_nonfatal: Vec<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            require_match: true,
            gpt_nonfatal: Vec::new(),
        }
    }
}

/// Why data was accepted, and what is now known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// `None` when the data was not inspected, or was let through although its format is in doubt.
    pub format: Option<Format>,
    /// Never zero: an empty disk has no virtual size.
    pub virtual_size: Option<u64>,
    /// Something the operator should find in the log.
    pub warning: Option<String>,
}

/// Why data was refused. Every one is a 415 for the client.
///
/// The texts are what clients of Glance see and match on, so they do not follow the wording of other errors.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    #[error("Image disk_format {declared} does not match stream data {detected}")]
    Mismatch { declared: String, detected: Format },
    /// Data that is two things at once is made to be taken for the wrong one.
    #[error("Multiple formats detected: {}", join(.0))]
    Ambiguous(Vec<Format>),
    #[error("Incomplete file cannot be safety checked")]
    Incomplete,
    /// The failed checks are for the log; the client is not told.
    #[error("Image failed safety checks")]
    Unsafe { format: Format, failed: Vec<Check> },
    /// The header contradicts the format it claims.
    #[error("Image format inspection failed")]
    Unreadable,
}

/// How a stream looks to which no format answered.
const RAW: Finding = Finding {
    format: Format::Raw,
    size: Size::Unknown,
    safety: Safety::Sound,
};

pub(crate) fn judge(
    findings: &[Finding],
    bytes_read: u64,
    declared: &Declared<'_>,
    rules: &Rules,
) -> Result<Verdict, Rejection> {
    let mut verdict = Verdict::default();
    let result = compare(findings, bytes_read, declared, &mut verdict)
        .and_then(|finding| check_safety(finding, rules).map(|tolerated| verdict.warn(tolerated)));
    verdict.virtual_size = verdict.virtual_size.filter(|size| *size != 0);
    match result {
        Ok(()) => Ok(verdict),
        Err(rejection) if rules.require_match || matches!(rejection, Rejection::Unsafe { .. }) => {
            Err(rejection)
        }
        Err(doubt) => {
            // Compat: a size found before the doubt arose is kept.
            verdict.format = None;
            verdict.warn(Some(doubt.to_string()));
            Ok(verdict)
        }
    }
}

pub(crate) fn identify(findings: &[Finding], rules: &Rules) -> Result<Format, Rejection> {
    let finding = match findings {
        [] => return Ok(Format::Raw),
        [finding] => finding,
        several => return Err(ambiguous(several)),
    };
    check_safety(finding, rules)?;
    Ok(finding.format)
}

impl Verdict {
    fn warn(&mut self, warning: Option<String>) {
        let Some(warning) = warning else { return };
        match &mut self.warning {
            Some(earlier) => *earlier = format!("{earlier}; {warning}"),
            None => self.warning = Some(warning),
        }
    }
}

/// Picks the finding that counts, and records format and size if the image may have it.
fn compare<'a>(
    findings: &'a [Finding],
    bytes_read: u64,
    declared: &Declared<'_>,
    verdict: &mut Verdict,
) -> Result<&'a Finding, Rejection> {
    let declares = |format: Format| declared.disk_format == format.as_str();
    let finding = match findings {
        [] => &RAW,
        [finding] => finding,
        // A disc that boots from a disk's firmware has a partition table in front.
        // Compat: Glance refuses it when declared raw, since there it asks for the one format and there are two.
        [iso, gpt]
            if (iso.format, gpt.format) == (Format::Iso, Format::Gpt) && !declares(Format::Raw) =>
        {
            iso
        }
        several => return Err(ambiguous(several)),
    };
    if finding.format == Format::Raw && declares(Format::Raw) {
        verdict.virtual_size = Some(bytes_read);
    } else if declares(finding.format) {
        verdict.virtual_size = match finding.size {
            // Compat: Glance passes such a size on and then fails to store it, with a 500.
            Size::Known(size) if size > MAX_VIRTUAL_SIZE => return Err(Rejection::Unreadable),
            Size::Known(size) => Some(size),
            Size::Unknown => None,
            Size::Unreadable => return Err(Rejection::Unreadable),
        };
    } else if finding.format == Format::Raw && Format::from_name(declared.disk_format).is_none() {
        // `ami` and its like cannot be recognised; that nothing else was recognised has to do.
    } else if declares(Format::Raw) {
        // Anything may be called raw. The disk is then the bytes themselves and not what they contain.
        verdict.virtual_size = Some(bytes_read);
        verdict.warn(Some(format!(
            "disk format `raw` was declared but the data is `{}`",
            finding.format
        )));
    } else {
        return Err(Rejection::Mismatch {
            declared: declared.disk_format.to_owned(),
            detected: finding.format,
        });
    }
    verdict.format = Some(finding.format);
    Ok(finding)
}

/// Passes, passes with a warning, or refuses.
fn check_safety(finding: &Finding, rules: &Rules) -> Result<Option<String>, Rejection> {
    let failed = match &finding.safety {
        Safety::Sound => return Ok(None),
        Safety::Incomplete => return Err(Rejection::Incomplete),
        Safety::Failed(failed) => failed,
    };
    let is_tolerated = |check: &Check| rules.gpt_nonfatal.iter().any(|name| name == check.as_str());
    if finding.format == Format::Gpt && failed.iter().all(is_tolerated) {
        return Ok(Some(format!(
            "safety checks failed and were tolerated: {}",
            join(failed)
        )));
    }
    Err(Rejection::Unsafe {
        format: finding.format,
        failed: failed.clone(),
    })
}

fn ambiguous(findings: &[Finding]) -> Rejection {
    Rejection::Ambiguous(findings.iter().map(|finding| finding.format).collect())
}

fn join<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
