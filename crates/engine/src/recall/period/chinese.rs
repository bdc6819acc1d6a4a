//! Chinese expressions of time, with the written dates they share with Japanese.
//!
//! Words are not spaced, so what stands before and behind an expression decides whether it
//! is one or part of a longer word: 目前天气 holds no 前天.

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, Weekday};
use regex::{Captures, Regex};

use super::calendar::{Calendar, Named, Part, Season, Span, Unit, Yearly, decade_of, range};
use super::numerals::{number, year};
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
            | (?P<month>{NUMBER}) \s? 月份? (?: {TO} (?P<to_month>{NUMBER}) \s? 月份? )?
              (?: \s? (?P<day>{NUMBER}) [日号] (?: {TO} (?P<to_day>{NUMBER}) [日号] )?
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
struct Found {
    start: usize,
    end: usize,
    /// None for a time that cannot be.
    named: Option<Named>,
}

/// The first expression of a text with Chinese characters; inside it None for a time that
/// cannot be.
pub(super) fn find(text: &str, calendar: Calendar) -> Option<Option<Span>> {
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

fn in_context(text: &str, found: &Found, calendar: Calendar) -> Option<Span> {
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

fn read(text: &str, captures: &Captures<'_>, calendar: Calendar) -> Option<Found> {
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
    let named = moment
        .in_figures()
        .or_else(|| moment.years())
        .or_else(|| moment.counted())
        .or_else(|| moment.in_a_year())
        .or_else(|| moment.in_any_year())
        .or_else(|| moment.relative())
        .or_else(|| moment.stepped())
        .or_else(|| moment.running())?;
    Some(Found { start: whole.start(), end: whole.end(), named })
}

struct Moment<'c, 't> {
    captures: &'c Captures<'t>,
    calendar: Calendar,
    before: Option<char>,
    behind: Option<char>,
}

/// What an alternative says: not this one, a time that cannot be, or a time.
type Reading = Option<Option<Named>>;

impl Moment<'_, '_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.captures.name(name).map(|found| found.as_str())
    }

    fn number(&self, name: &str) -> Option<u32> {
        number(self.text(name)?)
    }

    fn in_figures(&self) -> Reading {
        let year = year(self.text("iso_year")?)?;
        let date = NaiveDate::from_ymd_opt(year, self.number("iso_month")?, self.number("iso_day")?);
        Some(date.map(|date| Named::Span(Span::day(date))))
    }

    fn years(&self) -> Reading {
        let this = self.calendar.today.year();
        if let Some(first) = self.text("from_year") {
            let (first, last) = (Span::year(year(first)?)?, Span::year(year(self.text("to_year")?)?)?);
            let span = Span::new(first.first, last.last);
            return is_plausible(first.first.year(), this).then_some(span.map(Named::Span));
        }
        let decade = self.text("decade")?;
        let year = match year(decade).filter(|_| decade.chars().count() == 4) {
            Some(year) => year,
            None => {
                let year = this - this.rem_euclid(100) + i32::try_from(number(decade)?).ok()?;
                if year > this { year - 100 } else { year }
            }
        };
        (year % 10 == 0).then(|| decade_of(year).map(Named::Span))
    }

    /// N units ago or later, and the last N units.
    fn counted(&self) -> Reading {
        if let Some(recent) = self.text("recent") {
            let unit = unit_of(self.text("recent_unit")?);
            let count = match self.text("recent_count")? {
                "几" => 3,
                count => i64::from(number(count)?),
            };
            let ahead = matches!(recent, "未来" | "接下来" | "接下来的");
            // "这三天" is the last three, "这一天" the day of a story.
            let is_story = recent == "这" && count == 1;
            // "最近一天前" and "附近三年级"
            let is_other = matches!(self.behind, Some('级' | '前' | '后'))
                || matches!(self.before, Some('附' | '靠' | '接'));
            let span = self.calendar.rolling(count, unit, ahead);
            return (!is_story && !is_other).then_some(span.map(Named::Span));
        }
        let unit = unit_of(self.text("unit")?);
        let (count, way) = (self.text("count")?, self.text("way")?);
        let is_word = match way {
            "前" => matches!(self.behind, Some('后' | '面' | '往' | '途' | '进' | '来')),
            "后" => matches!(self.behind, Some('来' | '面' | '代' | '期' | '悔')),
            "来" => matches!(self.behind, Some('到' | '了' | '过' | '自')),
            _ => false,
        };
        if is_word {
            return None;
        }
        // "2020年前" is before that year; "2000年前" could be both and is read alike.
        if unit == Unit::Year
            && count.chars().count() == 4
            && is_plausible(year(count).unwrap_or(0), self.calendar.today.year())
        {
            let span = Span::year(year(count)?)?;
            return Some(
                match way {
                    "以来" => Span::new(span.first, self.calendar.today),
                    "以前" | "之前" | "前" => Span::until(span.first.pred_opt()?),
                    "来" => return None,
                    _ if span.last < self.calendar.today => {
                        Span::new(span.last.succ_opt()?, self.calendar.today)
                    }
                    _ => Span::onward(span.last.succ_opt()?),
                }
                .map(Named::Span),
            );
        }
        let is_past = matches!(way, "以前" | "之前" | "前");
        if matches!(count, "几" | "数") {
            return is_past.then(|| self.calendar.vaguely_ago(true, unit).map(Named::Span));
        }
        let count = i64::from(number(count)?);
        let span = match way {
            "以来" | "来" => self.calendar.rolling(count, unit, false),
            _ => self.calendar.unit(unit, if is_past { -count } else { count }),
        };
        Some(span.map(Named::Span))
    }

    fn in_a_year(&self) -> Reading {
        let this = self.calendar.today.year();
        let year = match (self.text("year"), self.text("which_year")) {
            (Some(figures), _) => year(figures)?,
            (None, Some(which)) => {
                // "说明年份", "今年轻"
                if matches!((self.before, which), (Some('说' | '证' | '声' | '表' | '文' | '发'), "明年"))
                    || matches!((self.before, which), (Some('以' | '目' | '之' | '从' | '提'), "前年"))
                    || matches!((self.before, which), (Some('以' | '之' | '今' | '然' | '最'), "后年"))
                    || matches!((self.before, which), (Some('本' | '近' | '原' | '从' | '以' | '后'), "来年"))
                    || matches!(self.behind, Some('轻' | '龄' | '纪'))
                {
                    return None;
                }
                this + match which {
                    "大前年" => -3,
                    "前年" => -2,
                    "去年" | "昨年" => -1,
                    "明年" | "来年" => 1,
                    "后年" => 2,
                    _ => 0,
                }
            }
            (None, None) => return None,
        };
        if year == 0 {
            return Some(None);
        }
        let span = if let Some(edge) = self.text("year_edge") {
            if edge == "中" && matches!(self.behind, Some('国' | '文' | '学' | '午' | '间' | '心')) {
                Span::year(year)
            } else {
                Span::year(year).and_then(|span| span.part(Part::Edge(third_of(edge))))
            }
        } else if let Some(quarter) = self.number("quarter") {
            Yearly::Quarter(quarter).of(year)
        } else if let Some(half) = self.text("half") {
            Yearly::Half(if half == "上" { 1 } else { 2 }).of(year)
        } else if let Some(season) = self.text("season") {
            Yearly::Season(season_of(season)).of(year)
        } else if let Some(holiday) = self.text("holiday") {
            holiday_of(holiday).of(year)
        } else if let Some(month) = self.number("month") {
            self.month(month, ["to_month", "day", "to_day", "third"]).and_then(|named| named.in_year(year))
        } else if self.text("year").is_some() && !is_plausible(year, this) {
            return None;
        } else {
            Span::year(year)
        };
        Some(span.map(Named::Span))
    }

    fn in_any_year(&self) -> Reading {
        if let (Some(from), Some(to)) = (self.number("bare_from"), self.number("bare_to")) {
            let (from, to) = (Yearly::Month(from), Yearly::Month(to));
            if !(from.exists() && to.exists()) {
                return None;
            }
            let span = range(Named::Yearly(from, None), Named::Yearly(to, None), self.calendar.today, false);
            return Some(span.map(Named::Span));
        }
        if let Some(quarter) = self.number("bare_quarter") {
            return Some(Some(Named::Yearly(Yearly::Quarter(quarter), None)));
        }
        let month = self.number("bare_month")?;
        if matches!(self.behind, Some('饼' | '亮' | '球' | '光' | '票' | '薪'))
            || !Yearly::Month(month).exists()
        {
            return None;
        }
        Some(self.month(month, ["", "bare_day", "bare_to_day", "bare_third"]))
    }

    /// A month or what follows it; the names are those of its end, days and part.
    fn month(&self, month: u32, [to_month, day, to_day, third]: [&str; 4]) -> Option<Named> {
        let yearly = match (self.number(to_month), self.number(day)) {
            (_, Some(first)) => Yearly::Days(month, first, self.number(to_day).unwrap_or(first)),
            (Some(last), None) => {
                // Within one year, so that a leap year does not matter.
                let (first, last) = (Yearly::Month(month).of(2024)?, Yearly::Month(last).of(2024)?);
                let months = last.first.month().checked_sub(first.first.month())? + 1;
                let year = year(self.text("year").unwrap_or_default()).filter(|year| *year > 0);
                let year = year.or_else(|| self.relative_year())?;
                return Span::months(year, month, months).map(Named::Span);
            }
            (None, None) => Yearly::Month(month),
        };
        let part = self.text(third).map(|third| Part::Third(third_of(third)));
        yearly.exists().then_some(Named::Yearly(yearly, part))
    }

    fn relative_year(&self) -> Option<i32> {
        let step = match self.text("which_year")? {
            "大前年" => -3,
            "前年" => -2,
            "去年" | "昨年" => -1,
            "明年" | "来年" => 1,
            "后年" => 2,
            _ => 0,
        };
        self.calendar.today.year().checked_add(step)
    }

    fn relative(&self) -> Reading {
        let word = self.text("relative")?;
        let is_longer = match word {
            "前天" | "前日" => {
                matches!(
                    self.before,
                    Some(
                        '目' | '以'
                            | '之'
                            | '眼'
                            | '当'
                            | '先'
                            | '午'
                            | '提'
                            | '天'
                            | '日'
                            | '年'
                            | '月'
                            | '周'
                    )
                ) || matches!(self.behind, Some('天' | '气' | '花' | '才' | '空'))
            }
            "后天" => {
                matches!(
                    self.before,
                    Some('先' | '最' | '然' | '以' | '之' | '午' | '今' | '天' | '年' | '月' | '周')
                ) || matches!(self.behind, Some('性' | '天' | '气' | '努' | '习' | '培'))
            }
            "明天" | "明日" | "明早" | "明晚" => {
                matches!(self.before, Some('说' | '证' | '声' | '表' | '文' | '发' | '光' | '透'))
                    || matches!(self.behind, Some('期' | '才'))
            }
            _ => false,
        };
        let offset = match word {
            "大前天" => -3,
            "前天" | "前日" | "一昨日" => -2,
            "昨天" | "昨日" | "昨晚" | "昨夜" => -1,
            "明天" | "明日" | "明早" | "明晚" => 1,
            "后天" | "明后日" => 2,
            "大后天" => 3,
            _ => 0,
        };
        (!is_longer).then(|| self.calendar.day(offset).map(Named::Span))
    }

    /// Week, month, quarter or season by "last", "this", "next".
    fn stepped(&self) -> Reading {
        let step = match self.text("step")? {
            "上上" => -2,
            "上" | "先" => -1,
            "下" | "来" => 1,
            "下下" => 2,
            _ => 0,
        };
        let whole = self.captures.get(0)?.as_str();
        let span = if let Some(weekday) = self.text("weekday") {
            self.calendar.weekday_of_week(weekday_of(weekday)?, step)
        } else if self.text("end").is_some() {
            self.calendar.unit(Unit::Weekend, step)
        } else if self.text("step_quarter").is_some() {
            self.calendar.unit(Unit::Quarter, step)
        } else if let Some(season) = self.text("step_season") {
            Named::Yearly(Yearly::Season(season_of(season)), None).stepped(self.calendar.today, step)
        } else if whole.contains('月') {
            let month = self.calendar.unit(Unit::Month, step);
            if let Some(day) = self.number("step_day") {
                month.and_then(|month| month.first.with_day(day)).map(Span::day)
            } else if let Some(third) = self.text("step_third") {
                month.and_then(|month| month.part(Part::Third(third_of(third))))
            } else if matches!(self.behind, Some('球' | '亮' | '光' | '饼')) {
                return None;
            } else {
                month
            }
        } else if matches!(self.behind, Some('围' | '长' | '到' | '密' | '折' | '岁')) {
            // "这周围"
            return None;
        } else {
            self.calendar.unit(Unit::Week, step)
        };
        Some(span.map(Named::Span))
    }

    /// What is counted from the running week, month or year.
    fn running(&self) -> Reading {
        let is_repeated =
            self.before.is_some_and(|c| is_numeral(c) || matches!(c, '每' | '个' | '各' | '逢'));
        if is_repeated {
            return None;
        }
        if let Some(weekday) = self.text("bare_weekday") {
            let is_counted = matches!(
                self.behind,
                Some('个' | '次' | '年' | '岁' | '半' | '围' | '遍' | '回' | '常' | '报' | '程')
            );
            let span = self.calendar.weekday(weekday_of(weekday)?, false);
            return (!is_counted).then_some(span.map(Named::Span));
        }
        if self.text("weekend").is_some() {
            // On a weekend the running one.
            let is_weekend = self.calendar.today.weekday().num_days_from_monday() >= 5;
            let span = self.calendar.unit(Unit::Weekend, if is_weekend { 0 } else { -1 });
            return Some(span.map(Named::Span));
        }
        if let Some(half) = self.text("running_half") {
            return Some(Some(Named::Yearly(Yearly::Half(if half == "上" { 1 } else { 2 }), None)));
        }
        let edge = self.text("running_edge")?;
        let is_longer = matches!((edge, self.behind), ("中", Some(_)) | ("初", Some('级' | '中')))
            || self
                .before
                .is_some_and(|c| matches!(c, '童' | '青' | '中' | '少' | '老' | '当' | '同' | '岁'));
        let unit = if self.text("running")? == "年" { Unit::Year } else { Unit::Month };
        let span = self.calendar.unit(unit, 0).and_then(|span| span.part(Part::Edge(third_of(edge))));
        (!is_longer).then_some(span.map(Named::Span))
    }
}

fn is_numeral(c: char) -> bool {
    c.is_ascii_digit() || "零〇一二两三四五六七八九十百千万廿卅".contains(c)
}

fn is_plausible(year: i32, this: i32) -> bool {
    (this - 120..=this + 20).contains(&year)
}

fn unit_of(text: &str) -> Unit {
    match text {
        "天" | "日" => Unit::Day,
        "个月" => Unit::Month,
        "年" => Unit::Year,
        text if text.ends_with("季度") => Unit::Quarter,
        _ => Unit::Week,
    }
}

fn third_of(text: &str) -> u32 {
    match text {
        "初" | "年初" | "上旬" => 0,
        "中" | "中旬" | "年中" => 1,
        _ => 2,
    }
}

fn season_of(text: &str) -> Season {
    match text {
        "春" => Season::Spring,
        "夏" => Season::Summer,
        "秋" => Season::Autumn,
        _ => Season::Winter,
    }
}

fn holiday_of(text: &str) -> Yearly {
    let (month, day) = match text {
        "元旦" => (1, 1),
        "情人节" => (2, 14),
        "劳动节" => (5, 1),
        "万圣节" => (10, 31),
        "平安夜" => (12, 24),
        "跨年夜" => (12, 31),
        text if text.starts_with('国') => (10, 1),
        _ => (12, 25),
    };
    Yearly::Days(month, day, day)
}

fn weekday_of(text: &str) -> Option<Weekday> {
    let at = "一二三四五六".chars().position(|c| text.starts_with(c)).unwrap_or(6);
    Weekday::try_from(u8::try_from(at).ok()?).ok()
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
