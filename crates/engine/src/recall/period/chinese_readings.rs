//! What the alternatives of the Chinese pattern mean.

use chrono::{Datelike, NaiveDate, Weekday};
use regex::Captures;

use super::calendar::{Calendar, Named, Part, Season, Span, Unit, Yearly, decade_of, range};
use super::numerals::{number, year};

/// A match and what it stands between.
pub(super) struct Moment<'c, 't> {
    pub(super) captures: &'c Captures<'t>,
    pub(super) calendar: Calendar,
    pub(super) before: Option<char>,
    pub(super) behind: Option<char>,
}

/// What an alternative says: not this one, a time that cannot be, or a time.
pub(super) type Reading = Option<Option<Named>>;

impl Moment<'_, '_> {
    pub(super) fn read(&self) -> Reading {
        self.in_figures()
            .or_else(|| self.years())
            .or_else(|| self.counted())
            .or_else(|| self.in_a_year())
            .or_else(|| self.in_any_year())
            .or_else(|| self.relative())
            .or_else(|| self.stepped())
            .or_else(|| self.running())
    }

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
        let is_longer = match self.text("step")?.chars().next()? {
            // Japanese, and the end of many Chinese words.
            '先' | '来' => self.before.is_some_and(char::is_alphabetic),
            '上' => matches!(self.before, Some('晚' | '早' | '马' | '以' | '地' | '路' | '网')),
            '下' => matches!(self.before, Some('以' | '地' | '楼')),
            '本' => matches!(self.before, Some('日' | '书' | '基' | '原')),
            _ => false,
        };
        if is_longer {
            return None;
        }
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

pub(super) fn is_numeral(c: char) -> bool {
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
