//! Chinese expressions of time, with the written dates they share with Japanese.
//!
//! Words are not spaced, so what stands before and behind an expression decides whether it
//! is one or part of a longer word: 目前天气 holds no 前天.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::calendar::{Calendar, Found, Named, Span, range};
use super::chinese_readings::{Moment, is_numeral};
use crate::text::pattern;

const NUMBER: &str = "(?:[0-9]{1,7}|[零〇一二两三四五六七八九十百千万廿卅]{1,7})";
const FOUR: &str = "(?:[0-9]{4}|[零〇一二三四五六七八九]{4})";
const TO: &str = r"\s*(?:到|至|-|–|—|~)\s*";
const UNIT: &str = "(?:天|日|周|个?星期|个?礼拜|个月|个?季度|年)";

static MOMENT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(&format!(
        r"(?x)
          (?P<iso_year>[0-9]{{4}}) [-/.] (?P<iso_month>[0-9]{{1,2}}) [-/.] (?P<iso_day>[0-9]{{1,2}})
        | (?P<from_year>{FOUR}) 年? {TO} (?P<to_year>{FOUR}) 年
        | (?P<decade>{FOUR}|[0-9]0|[一二三四五六七八九]十) 年代
        | (?P<recent>最近|近|过去|过去的|这|未来|接下来的?) (?P<recent_count>{NUMBER}|几) (?P<recent_unit>{UNIT})
        | (?P<count>{NUMBER}|几|数) (?P<unit>{UNIT}) (?P<way>以前|之前|前|以后|之后|后|以来|来)
        | (?: (?P<year>{FOUR}) \s? 年 | (?P<which_year>大前年|前年|去年|昨年|今年|本年|明年|来年|后年) 的? ) \s? (?:
              (?P<year_edge>初|年初|中|年中|底|末|年底|年末)
            | 第? (?P<quarter>[一二三四1-4]) 季度
            | (?P<half>[上下]) 半年
            | (?P<season>[春夏秋冬]) [天季]
            | (?P<holiday>元旦|情人节|劳动节|国庆节?|万圣节|平安夜|圣诞节?|跨年夜)
            | (?P<month>{NUMBER}) \s? 月份? (?:
                  {TO} (?P<to_month>{NUMBER}) \s? 月份?
                | \s? (?P<day>{NUMBER}) [日号] (?: {TO} (?P<to_day>{NUMBER}) [日号] )?
                | (?P<third>初|中旬|中|底|末|上旬|下旬) )?
            )?
        | (?P<bare_from>{NUMBER}) 月?份? {TO} (?P<bare_to>{NUMBER}) 月份?
        | (?P<bare_month>{NUMBER}) \s? 月份?
          (?: \s? (?P<bare_day>{NUMBER}) [日号] (?: {TO} (?P<bare_to_day>{NUMBER}) [日号] )?
            | (?P<bare_third>初|中旬|中|底|末|上旬|下旬) )?
        | 第? (?P<bare_quarter>[一二三四1-4]) 季度
        | (?P<relative>大前天|前天|前日|一昨日|昨天|昨日|昨晚|昨夜|今天|今日|今晚|今早|今夜|明天|明日|明早|明晚|大后天|后天|明后日)
        | (?P<step>上上|上|本|这|今|下下|下|先|来) 个? (?:
              (?: 周|星期|礼拜|週 ) (?: (?P<end>末) | (?P<weekday>[一二三四五六日天]) )?
            | 月 (?P<step_third>初|中旬|中|底|末|上旬|下旬)? (?: (?P<step_day>{NUMBER}) [日号] )?
            | (?P<step_quarter>季度)
            | (?P<step_season>[春夏秋冬]) [天季] )
        | (?: 周|星期|礼拜 ) (?P<bare_weekday>[一二三四五六日天])
        | (?P<weekend>周末)
        | (?P<running>[年月]) (?P<running_edge>初|中|底|末)
        | (?P<running_half>[上下]) 半年
        "
    ))
});

static BETWEEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:到|至|-|–|—|~|和|与|跟)\s*"));
static SINCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:以来|至今|到现在|到今天|到如今|起|开始)"));
static BEFORE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:以前|之前|前)"));
static AFTER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:以后|之后|后)"));

/// An expression and where it stands.
struct Expression {
    start: usize,
    end: usize,
    /// None for a time that cannot be.
    named: Option<Named>,
}

/// The first expression of a text with Chinese characters; inside it None for a time that
/// cannot be.
pub(super) fn find(text: &str, calendar: Calendar) -> Option<Found> {
    let text: String = text.chars().map(simplified).collect();
    let mut from = 0;
    while let Some(captures) = MOMENT.captures_at(&text, from) {
        let whole = captures.get(0)?;
        if let Some(found) = read(&text, &captures, calendar) {
            return Some(in_context(&text, &found, calendar));
        }
        // What is no time here may hold one further on.
        from = whole.start() + text.get(whole.start()..)?.chars().next()?.len_utf8();
        // But never inside a number.
        while text.get(from..)?.starts_with(is_numeral) && text.get(..from)?.ends_with(is_numeral) {
            from += text.get(from..)?.chars().next()?.len_utf8();
        }
    }
    None
}

fn in_context(text: &str, found: &Expression, calendar: Calendar) -> Option<Span> {
    let today = calendar.today;
    let named = found.named?;
    let before = text.get(..found.start)?.trim_end();
    let behind = text.get(found.end..)?;
    if let Some(to) = BETWEEN.find(behind) {
        let at = found.end + to.end();
        let other = MOMENT.captures_at(text, at).and_then(|captures| read(text, &captures, calendar));
        if let Some(other) = other.filter(|other| other.start == at) {
            let is_and = to.as_str().contains(['和', '与', '跟']);
            if !is_and || text.get(other.end..)?.trim_start().starts_with("之间") {
                return range(named, other.named?, today, false);
            }
        }
    }
    let span = named.seen_from(today, false)?;
    let follows = |words: &[&str]| words.iter().any(|word| before.ends_with(word));
    if SINCE.is_match(behind) || follows(&["自从", "自打", "打从"]) {
        return Span::new(span.first, today);
    }
    if BEFORE.is_match(behind) && !behind.trim_start().starts_with("前后") {
        return Span::until(span.first.pred_opt()?);
    }
    if AFTER.is_match(behind) && !behind.trim_start().starts_with("后来") {
        let first = span.last.succ_opt()?;
        return if first <= today { Span::new(first, today) } else { Span::onward(first) };
    }
    if follows(&["截至", "截止", "直到", "截至到"]) || behind.trim_start().starts_with("为止") {
        return Span::until(span.last);
    }
    Some(span)
}

fn read(text: &str, captures: &Captures<'_>, calendar: Calendar) -> Option<Expression> {
    let whole = captures.get(0)?;
    let before = text.get(..whole.start())?.chars().next_back();
    let behind = text.get(whole.end()..)?.chars().next();
    // Part of a longer number, or "the third of".
    if whole.as_str().starts_with(is_numeral)
        && before.is_some_and(|c| is_numeral(c) || matches!(c, '第' | '.' | '每'))
    {
        return None;
    }
    let moment = Moment { captures, calendar, before, behind };
    let named = moment.read()?;
    Some(Expression { start: whole.start(), end: whole.end(), named })
}

/// Traditional and Japanese forms of the characters the patterns use.
fn simplified(c: char) -> char {
    match c {
        '週' => '周',
        '個' => '个',
        '後' => '后',
        '這' => '这',
        '兩' => '两',
        '號' => '号',
        '從' => '从',
        '來' => '来',
        '禮' => '礼',
        '萬' => '万',
        '間' => '间',
        '當' => '当',
        '過' => '过',
        '與' => '与',
        '開' => '开',
        '現' => '现',
        '聖' => '圣',
        '誕' => '诞',
        '節' => '节',
        '國' => '国',
        '慶' => '庆',
        '為' => '为',
        '幾' => '几',
        '數' => '数',
        '氣' => '气',
        '說' => '说',
        '證' => '证',
        c => c,
    }
}
