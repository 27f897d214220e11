//! List images: what the query string may say, and one page of answers.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use vidimus_auth::{Action, Context, Target};
use vidimus_db::{
    self as db, Comparison, Direction, ImageQuery, ImageRecord, MemberFilter, NumberColumn,
    NumberFilter, Sort, SortKey, TimeColumn, TimeFilter, VisibilityFilter, WordColumn, WordFilter,
};
use vidimus_types::ImageId;

use crate::{Error, ImageService, Result, scope};

/// One page of a list.
#[derive(Debug)]
pub struct ImagePage {
    /// The images the caller may see.
    pub images: Vec<Arc<ImageRecord>>,
    /// Where the next page begins, if there may be one.
    pub next_marker: Option<ImageId>,
}

/// A query as it was asked; `None` where nothing can match, so that nobody needs to look.
type Asked = Option<ImageQuery>;

impl ImageService {
    /// One page of the images the caller may see. `parameters` are those of the query string, decoded, in order.
    pub async fn list_images(
        &self,
        ctx: &Context,
        parameters: Vec<(String, String)>,
    ) -> Result<ImagePage> {
        let config = self.config();
        let limit = limit_of(&parameters)?
            .unwrap_or(config.page_size)
            .min(config.page_size_max);
        let asked = parse(parameters)?;

        let target = match ctx.project_id() {
            Some(project) => Target::new().with("project_id", project),
            None => Target::new(),
        };
        self.parts.policy.enforce(ctx, Action::GetImages, &target)?;
        let empty = ImagePage {
            images: Vec::new(),
            next_marker: None,
        };
        let Some(mut query) = asked else {
            return Ok(empty);
        };
        query.limit = Some(limit);

        let found = match self.parts.db.images().list(&scope(ctx), &query).await {
            Ok(found) => found,
            Err(db::Error::MarkerNotFound(id)) => {
                return Err(Error::Invalid(no_such_marker(id.as_str())));
            }
            Err(db::Error::MarkerForbidden(id)) => return Err(Error::MarkerHidden(id)),
            Err(error) => return Err(error.into()),
        };
        // Counted before the policy hides some: a page that the database filled has a page after it.
        let is_full = found.len() as u64 == limit;
        let images: Vec<Arc<ImageRecord>> = found
            .into_iter()
            .filter(|record| self.may_see(ctx, record))
            .collect();
        let next_marker = images.last().map(|last| last.id).filter(|_| is_full);
        Ok(ImagePage {
            images,
            next_marker,
        })
    }

    fn may_see(&self, ctx: &Context, record: &ImageRecord) -> bool {
        self.parts.policy.check(
            ctx,
            Action::GetImage,
            &crate::target::image_target(ctx, record),
        )
    }
}

fn no_such_marker(id: &str) -> String {
    format!("No image found with ID {id}")
}

/// Takes the first value of a parameter out of the list, as Glance does; a second one is left to be a filter.
fn take(parameters: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let at = parameters.iter().position(|(key, _)| key == name)?;
    Some(parameters.remove(at).1)
}

fn take_all(parameters: &mut Vec<(String, String)>, name: &str) -> Vec<String> {
    std::iter::from_fn(|| take(parameters, name))
        .map(|value| value.trim().to_owned())
        .collect()
}

fn limit_of(parameters: &[(String, String)]) -> Result<Option<u64>> {
    let Some((_, limit)) = parameters.iter().find(|(key, _)| key == "limit") else {
        return Ok(None);
    };
    match limit.trim().parse::<i128>() {
        Ok(limit) => match u64::try_from(limit.min(i128::from(u64::MAX))) {
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(Error::Invalid("limit param must be positive".to_owned())),
        },
        Err(_) => Err(Error::Invalid("limit param must be an integer".to_owned())),
    }
}

fn parse(mut parameters: Vec<(String, String)>) -> Result<Asked> {
    take(&mut parameters, "limit");
    let marker = take(&mut parameters, "marker");
    let member_status = take(&mut parameters, "member_status");
    let mut query = ImageQuery {
        tags: take_all(&mut parameters, "tag"),
        ..ImageQuery::default()
    };

    let last = |name: &str| {
        parameters
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let mut can_match = true;
    match last("visibility").as_deref() {
        None => {}
        Some("") => can_match = false,
        Some("all") => query.visibility = VisibilityFilter::All,
        Some(word) => match word.parse() {
            Ok(visibility) => query.visibility = VisibilityFilter::Only(visibility),
            Err(_) => return Err(Error::Invalid(format!("Invalid visibility value: {word}"))),
        },
    }
    if last("changes-since").is_some_and(|value| !value.is_empty()) {
        return Err(Error::Invalid(
            "The \"changes-since\" filter is no longer available on v2.".to_owned(),
        ));
    }
    query.members = match member_status.as_deref() {
        None => MemberFilter::default(),
        Some("all") => MemberFilter::Any,
        Some(word) => match word.parse() {
            Ok(status) => MemberFilter::Only(status),
            Err(_) => return Err(Error::Invalid(format!("Invalid status: {word}"))),
        },
    };
    query.sort = sort_of(&mut parameters)?;
    query.os_hidden = flag(&parameters, "os_hidden", true)?.unwrap_or(false);
    query.protected = flag(&parameters, "protected", false)?;

    let mut seen: Vec<&str> = Vec::new();
    for (name, value) in parameters.iter().rev() {
        // Compat: of several values for one filter the last one counts.
        if seen.contains(&name.as_str()) {
            continue;
        }
        seen.push(name);
        can_match &= add_filter(&mut query, name, value)?;
    }
    query.properties.reverse();
    if let Some(marker) = marker {
        match marker.parse() {
            Ok(id) => query.marker = Some(id),
            Err(_) => return Err(Error::Invalid(no_such_marker(&marker))),
        }
    }
    Ok(can_match.then_some(query))
}

/// `true` or `false`; `any_case` as Glance treats `os_hidden` but not `protected`.
fn flag(parameters: &[(String, String)], name: &str, any_case: bool) -> Result<Option<bool>> {
    let Some((_, value)) = parameters.iter().rev().find(|(key, _)| key == name) else {
        return Ok(None);
    };
    let word = if any_case {
        value.to_lowercase()
    } else {
        value.clone()
    };
    match word.as_str() {
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        other => Err(Error::Invalid(format!(
            "Invalid value '{other}' for '{name}' filter. Valid values are 'true' or 'false'."
        ))),
    }
}

fn sort_of(parameters: &mut Vec<(String, String)>) -> Result<Sort> {
    let (mut keys, mut directions) = (Vec::new(), Vec::new());
    if let Some(sort) = take(parameters, "sort") {
        if parameters
            .iter()
            .any(|(key, _)| key == "sort_key" || key == "sort_dir")
        {
            return Err(Error::Invalid(
                "Old and new sorting syntax cannot be combined".to_owned(),
            ));
        }
        for pair in sort.trim().split(',') {
            let (key, direction) = pair.split_once(':').unwrap_or((pair, ""));
            keys.push(sort_key(key.trim())?);
            directions.push(if direction.is_empty() {
                Direction::Descending
            } else {
                sort_dir(direction.trim())?
            });
        }
    } else {
        for key in take_all(parameters, "sort_key") {
            keys.push(sort_key(&key)?);
        }
        for direction in take_all(parameters, "sort_dir") {
            directions.push(sort_dir(&direction)?);
        }
    }
    if directions.len() > 1 && directions.len() != keys.len() {
        return Err(Error::Invalid(
            "Number of sort dirs does not match the number of sort keys".to_owned(),
        ));
    }
    Ok(Sort::new(&keys, &directions).unwrap_or_default())
}

fn sort_key(name: &str) -> Result<SortKey> {
    SortKey::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = SortKey::ALL.iter().map(|key| key.as_str()).collect();
        Error::Invalid(format!(
            "Invalid sort key: {name}. It must be one of the following: {}.",
            known.join(", ")
        ))
    })
}

fn sort_dir(word: &str) -> Result<Direction> {
    match word {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        other => Err(Error::Invalid(format!("Invalid sort direction: {other}"))),
    }
}

/// Adds one filter to the query. `false` if nothing can pass it.
fn add_filter(query: &mut ImageQuery, name: &str, value: &str) -> Result<bool> {
    match name {
        // Read before, or forced: a list never shows deleted images.
        "visibility" | "protected" | "os_hidden" | "deleted" | "changes-since" => return Ok(true),
        "deleted_at" => return Ok(false),
        // Compat, stricter: the peer breaks on these names, which its database layer takes for something else.
        "properties" | "locations" | "members" | "tags" | "metadata" => {
            return Err(Error::Invalid(format!(
                "Unable to filter images by '{name}'."
            )));
        }
        _ => {}
    }
    let bound = name
        .strip_suffix("_min")
        .map(|column| (column, Comparison::AtLeast));
    let bound = bound.or_else(|| {
        name.strip_suffix("_max")
            .map(|column| (column, Comparison::AtMost))
    });
    if let Some((column, comparison)) = bound {
        let number = value.trim().parse::<i128>().map_err(|_| {
            Error::Invalid("Unable to filter on a range with a non-numeric value.".to_owned())
        })?;
        let Some(column) = NumberColumn::from_name(column) else {
            return Err(Error::Invalid(format!(
                "Unable to filter images by '{name}'."
            )));
        };
        let number = number.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        query.numbers.push(NumberFilter {
            column,
            comparison,
            value: number,
        });
        return Ok(true);
    }
    if let Some(column) = TimeColumn::from_name(name) {
        query.times.push(time_filter(column, name, value)?);
        return Ok(true);
    }
    if let Some(column) = NumberColumn::from_name(name) {
        let Ok(number) = value.parse() else {
            return Ok(false);
        };
        query.numbers.push(NumberFilter {
            column,
            comparison: Comparison::Equal,
            value: number,
        });
        return Ok(true);
    }
    match WordColumn::from_name(name) {
        Some(
            column @ (WordColumn::Name
            | WordColumn::Id
            | WordColumn::Status
            | WordColumn::ContainerFormat
            | WordColumn::DiskFormat),
        ) => query.words.push(word_filter(column, value)?),
        Some(column) => query.words.push(WordFilter::eq(column, value)),
        None => query.properties.push((name.to_owned(), value.to_owned())),
    }
    Ok(true)
}

/// Splits `gte:2026-01-01` into operator and value; a bare time contains colons too and means `eq`.
fn split_operator(expression: &str) -> (&str, &str) {
    match expression.split_once(':') {
        Some((operator, value)) if parse_time(expression).is_none() => (operator, value),
        _ => ("eq", expression),
    }
}

fn word_filter(column: WordColumn, value: &str) -> Result<WordFilter> {
    match split_operator(value) {
        ("eq", value) => Ok(WordFilter::eq(column, value)),
        ("in", list) => Ok(WordFilter {
            column,
            any_of: split_quoted(list)?,
        }),
        (other, _) => Err(Error::Invalid(format!(
            "Unable to filter by unknown operator '{other}'."
        ))),
    }
}

fn time_filter(column: TimeColumn, name: &str, value: &str) -> Result<TimeFilter> {
    let (operator, text) = split_operator(value);
    let value = parse_time(text).ok_or_else(|| {
        Error::Invalid(format!(
            "Bad \"{name}\" query filter format. Use ISO 8601 DateTime notation."
        ))
    })?;
    let comparison = match operator {
        "gt" => Comparison::Greater,
        "gte" => Comparison::AtLeast,
        "lt" => Comparison::Less,
        "lte" => Comparison::AtMost,
        "neq" => Comparison::NotEqual,
        "eq" => Comparison::Equal,
        _ => {
            return Err(Error::Invalid(
                "Unable to filter on a unknown operator.".to_owned(),
            ));
        }
    };
    Ok(TimeFilter {
        column,
        comparison,
        value,
    })
}

/// ISO 8601 as people write it: with or without time, seconds, fraction and offset; no offset means UTC.
fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc());
    }
    let bare = text.strip_suffix('Z').unwrap_or(text);
    [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
        "%Y%m%dT%H%M%S",
    ]
    .iter()
    .find_map(|format| NaiveDateTime::parse_from_str(bare, format).ok())
    .map(|time| time.and_utc())
}

/// Splits `a,b,"c,d"`. Quotes must open after a comma or at the start, and close before a comma or at the end.
fn split_quoted(list: &str) -> Result<Vec<String>> {
    let refuse = |why: &str| {
        Err(Error::Invalid(format!(
            "Invalid filter value {list}. {why}"
        )))
    };
    let mut values = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let Some(end) = closing_quote(quoted) else {
                return refuse("The quote is not closed.");
            };
            let after = &quoted[end + 1..];
            if !after.is_empty() && !after.starts_with(',') {
                return refuse("There is no comma after closing quotation mark.");
            }
            values.push(quoted[..end].to_owned());
            rest = after.strip_prefix(',').unwrap_or(after);
        } else {
            let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
            if value
                .match_indices('"')
                .any(|(at, _)| at == 0 || !value[..at].ends_with('\\'))
            {
                return refuse("There is no comma before opening quotation mark.");
            }
            values.push(value.to_owned());
            rest = after;
        }
    }
    Ok(values)
}

fn closing_quote(text: &str) -> Option<usize> {
    text.match_indices('"')
        .map(|(at, _)| at)
        .find(|at| !text[..*at].ends_with('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Asked> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        parse(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (k.into(), v.into()))
                .collect(),
        )
    }

    fn refusal(text: &str) -> String {
        query(text).unwrap_err().to_string()
    }

    #[test]
    fn quoted_lists_split_as_the_api_working_group_says() {
        assert_eq!(split_quoted("a,b").unwrap(), ["a", "b"]);
        assert_eq!(split_quoted("\"c,d\",e").unwrap(), ["c,d", "e"]);
        assert_eq!(split_quoted("a,\"\"").unwrap(), ["a", ""]);
        for (bad, part) in [
            ("\"a", "not closed"),
            ("a\"b\"", "before opening"),
            ("\"a\"b", "after closing"),
        ] {
            assert!(
                split_quoted(bad).unwrap_err().to_string().contains(part),
                "{bad}"
            );
        }
    }

    #[test]
    fn times_come_in_many_coats() {
        for text in [
            "2026-11-22T15:04:05Z",
            "2026-11-22T15:04:05",
            "2026-11-22T16:04:05+01:00",
            "2026-11-22 15:04:05",
            "20261122T150405",
        ] {
            assert_eq!(
                parse_time(text).unwrap().to_rfc3339(),
                "2026-11-22T15:04:05+00:00",
                "{text}"
            );
        }
        assert!(parse_time("yesterday").is_none());
        assert_eq!(
            split_operator("gte:2026-11-22T15:04:05Z"),
            ("gte", "2026-11-22T15:04:05Z")
        );
        assert_eq!(split_operator("2026-11-22T15:04:05Z").0, "eq");
    }

    #[test]
    fn refusals_name_what_is_wrong() {
        assert_eq!(
            refusal("visibility=secret"),
            "Invalid visibility value: secret"
        );
        assert_eq!(refusal("member_status=x"), "Invalid status: x");
        assert!(
            refusal("sort_key=owner").starts_with("Invalid sort key: owner. It must be one of")
        );
        assert_eq!(
            refusal("sort=name&sort_dir=asc"),
            "Old and new sorting syntax cannot be combined"
        );
        assert!(refusal("protected=TRUE").contains("'TRUE' for 'protected'"));
        assert!(refusal("size_min=x").contains("non-numeric"));
        assert!(refusal("name=gt:x").contains("unknown operator 'gt'"));
        assert!(refusal("created_at=gt:x").contains("ISO 8601"));
        assert!(refusal("members=x").contains("'members'"));
    }

    #[test]
    fn limits_are_whole_and_positive() {
        let limit = |value: &str| limit_of(&[("limit".to_owned(), value.to_owned())]);
        assert_eq!(limit("7").unwrap(), Some(7));
        assert_eq!(limit("99999999999999999999999").unwrap(), Some(u64::MAX));
        assert!(limit("-1").unwrap_err().to_string().contains("positive"));
        assert!(limit("x").unwrap_err().to_string().contains("integer"));
    }

    #[test]
    fn what_nothing_can_match_is_not_looked_up() {
        assert!(query("visibility=").unwrap().is_none());
        assert!(query("size=big").unwrap().is_none());
        let asked = query("colour=red&os_hidden=TRUE&tag=a&tag=b")
            .unwrap()
            .unwrap();
        assert_eq!(asked.properties, [("colour".to_owned(), "red".to_owned())]);
        assert!(asked.os_hidden);
        assert_eq!(asked.tags, ["a", "b"]);
    }
}
