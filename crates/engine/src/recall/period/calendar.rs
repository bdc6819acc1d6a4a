//! The calendar as seen from one day: spans of whole days and how expressions come to them.
//!
//! Weeks run from Monday to Sunday, quarters are those of the calendar year, seasons are
//! the northern ones in whole months; the winter of a year begins in its December.
//! Arithmetic that leaves the years 1 to 9999 gives nothing.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use crate::text::dates::DateWindow;

/// Days from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

/// The days of an expression, or None for a time that cannot be.
pub(super) type Found = Option<Span>;

/// What time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Day,
    Week,
    Weekend,
    Month,
    Quarter,
    Year,
    Decade,
}

/// A season of the northern hemisphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Season {
    Spring,
    Summer,
    Autumn,
    Winter,
}

/// A part of a longer time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The first, middle or last third, as in "early"; the number is 0 to 2.
    Third(u32),
    /// Like a third, but of a year only its first or last month, as in "the end of".
    Edge(u32),
}

/// What comes back every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Yearly {
    /// A month, 1 to 12.
    Month(u32),
    /// Month, first and last day.
    Days(u32, u32, u32),
    /// A quarter, 1 to 4.
    Quarter(u32),
    /// A half, 1 or 2.
    Half(u32),
    /// A season.
    Season(Season),
}

/// An expression before its context is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Certain days.
    Span(Span),
    /// One of many years'; the part is cut out once the year is known.
    Yearly(Yearly, Option<Part>),
}

impl Span {
    /// Nothing unless in order.
    pub(super) fn new(first: NaiveDate, last: NaiveDate) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    pub(super) fn day(date: NaiveDate) -> Self {
        Self { first: date, last: date }
    }

    /// `months` calendar months from the first of one on.
    pub(super) fn months(year: i32, month: u32, months: u32) -> Option<Self> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        Self::new(first, first.checked_add_months(Months::new(months))?.pred_opt()?)
    }

    pub(super) fn year(year: i32) -> Option<Self> {
        Self::months(year, 1, 12)
    }

    /// Everything up to a day.
    pub(super) fn until(last: NaiveDate) -> Option<Self> {
        Self::new(NaiveDate::from_ymd_opt(1, 1, 1)?, last)
    }

    /// Everything from a day on.
    pub(super) fn onward(first: NaiveDate) -> Option<Self> {
        Self::new(first, NaiveDate::from_ymd_opt(9999, 12, 31)?)
    }

    /// Of a month the days 1–10, 11–20 or from 21 on; of a year four months; of anything
    /// else a third of its days.
    pub(super) fn part(self, part: Part) -> Option<Self> {
        let third = match part {
            Part::Edge(edge) if self.is_months(12) => match edge {
                0 => return Self::months(self.first.year(), 1, 1),
                2 => return Self::months(self.first.year(), 12, 1),
                third => third,
            },
            Part::Third(third) | Part::Edge(third) => third,
        };
        if self.is_months(12) {
            return Self::months(self.first.year(), 1 + 4 * third, 4);
        }
        if self.is_months(1) {
            let first = self.first.with_day(1 + 10 * third)?;
            return Self::new(first, if third == 2 { self.last } else { shifted(first, 9)? });
        }
        let days = (self.last - self.first).num_days() + 1;
        if days < 3 {
            return Some(self);
        }
        let at = |thirds: u32| days * i64::from(thirds) / 3;
        let last = shifted(self.first, at(third + 1) - 1)?;
        Self::new(shifted(self.first, at(third))?, last)
    }

    /// True for whole calendar months, so many of them.
    fn is_months(self, months: u32) -> bool {
        Self::months(self.first.year(), self.first.month(), months) == Some(self)
            && (months != 12 || self.first.month() == 1)
    }

    /// The span in time; nothing outside the years 1 to 9999.
    pub(super) fn window(self) -> Option<DateWindow> {
        let known = 1..=9999;
        (known.contains(&self.first.year()) && known.contains(&self.last.year()) && self.first <= self.last)
            .then(|| DateWindow::days(self.first, self.last))
    }
}

impl Yearly {
    /// That of one year.
    pub(super) fn of(self, year: i32) -> Option<Span> {
        match self {
            Self::Month(month) => Span::months(year, month, 1),
            Self::Days(month, first, last) => Span::new(
                NaiveDate::from_ymd_opt(year, month, first)?,
                NaiveDate::from_ymd_opt(year, month, last)?,
            ),
            Self::Quarter(quarter) => Span::months(year, 1 + 3 * quarter.checked_sub(1)?, 3),
            Self::Half(half) => Span::months(year, 1 + 6 * half.checked_sub(1)?, 6),
            Self::Season(season) => {
                let month = match season {
                    Season::Spring => 3,
                    Season::Summer => 6,
                    Season::Autumn => 9,
                    Season::Winter => 12,
                };
                Span::months(year, month, 3)
            }
        }
    }

    /// True if some year has it: 30 February is in none.
    pub(super) fn exists(self) -> bool {
        // A leap year has every day.
        self.of(2024).is_some()
    }

    /// The latest whose span fits, looking back from the year after `from`.
    fn back(self, from: NaiveDate, fits: impl Fn(Span) -> bool) -> Option<Span> {
        // 29 February may be eight years away.
        (-1..=9).filter_map(|years| self.of(from.year() - years)).find(|span| fits(*span))
    }

    /// The earliest whose span fits, looking forward from the year before `from`.
    fn forth(self, from: NaiveDate, fits: impl Fn(Span) -> bool) -> Option<Span> {
        (-1..=9).filter_map(|years| self.of(from.year() + years)).find(|span| fits(*span))
    }
}

impl Named {
    /// The days meant, seen from a day: what has begun last, or with `ahead` what ends next.
    pub(super) fn seen_from(self, today: NaiveDate, ahead: bool) -> Option<Span> {
        self.resolved(|yearly| {
            if ahead {
                yearly.forth(today, |span| span.last >= today)
            } else {
                yearly.back(today, |span| span.first <= today)
            }
        })
    }

    /// The days of one year.
    pub(super) fn in_year(self, year: i32) -> Option<Span> {
        self.resolved(|yearly| yearly.of(year))
    }

    /// The last one that is over, the one of now, or the next to begin.
    pub(super) fn stepped(self, today: NaiveDate, step: i64) -> Option<Span> {
        self.resolved(|yearly| match step {
            0 => yearly
                .back(today, |span| span.first <= today && today <= span.last)
                .or_else(|| yearly.of(today.year())),
            step if step < 0 => yearly.back(today, |span| span.last < today),
            _ => yearly.forth(today, |span| span.first > today),
        })
    }

    /// Moved back a week where it would begin after the other: "from Monday to Friday".
    pub(super) fn week_before_unless_first(self, other: Self) -> Self {
        match (self, other) {
            (Self::Span(from), Self::Span(to)) if from.first > to.last => {
                shifted(from.first, -7).map_or(self, |first| Self::Span(Span { first, last: from.last }))
            }
            _ => self,
        }
    }

    pub(super) fn with_part(self, part: Part) -> Option<Self> {
        match self {
            Self::Span(span) => span.part(part).map(Self::Span),
            Self::Yearly(yearly, None) => Some(Self::Yearly(yearly, Some(part))),
            Self::Yearly(..) => None,
        }
    }

    fn resolved(self, find: impl Fn(Yearly) -> Option<Span>) -> Option<Span> {
        match self {
            Self::Span(span) => Some(span),
            Self::Yearly(yearly, part) => {
                let span = find(yearly)?;
                part.map_or(Some(span), |part| span.part(part))
            }
        }
    }
}

/// From the begin of one expression to the end of another. A missing year comes from the
/// other one; when both lack it, the end is the most recent one that has begun.
pub(super) fn range(from: Named, to: Named, today: NaiveDate, ahead: bool) -> Option<Span> {
    let (from, to) = match (from, to) {
        (Named::Span(from), to) => (from, to.seen_from(from.first, true)?),
        (from, to) => {
            let to = to.seen_from(today, ahead)?;
            (from.seen_from(to.first, false)?, to)
        }
    };
    Span::new(from.first, to.last)
}

/// The day everything is counted from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calendar {
    pub(super) today: NaiveDate,
}

impl Calendar {
    pub(super) fn day(self, offset: i64) -> Option<Span> {
        shifted(self.today, offset).map(Span::day)
    }

    /// The unit `step` away from the running one; "last weekend" asked on a weekend is the
    /// one before.
    pub(super) fn unit(self, unit: Unit, step: i64) -> Option<Span> {
        let week = || shifted(self.monday()?, step.checked_mul(7)?);
        match unit {
            Unit::Day => self.day(step),
            Unit::Week => {
                let monday = week()?;
                Span::new(monday, shifted(monday, 6)?)
            }
            Unit::Weekend => {
                let monday = week()?;
                Span::new(shifted(monday, 5)?, shifted(monday, 6)?)
            }
            Unit::Month => self.months(1, step),
            Unit::Quarter => self.months(3, step),
            Unit::Year => self.months(12, step),
            Unit::Decade => {
                let decade = self.today.year() - self.today.year().rem_euclid(10);
                decade_of(decade.checked_add(i32::try_from(step.checked_mul(10)?).ok()?)?)
            }
        }
    }

    /// The last so many units up to today, or the next ones from today on.
    pub(super) fn rolling(self, count: i64, unit: Unit, ahead: bool) -> Option<Span> {
        let sign = if ahead { 1 } else { -1 };
        let days = |days: i64| shifted(self.today, sign * count.checked_mul(days)?);
        let months = |months: i64| months_away(self.today, sign * count.checked_mul(months)?);
        let far = match unit {
            Unit::Day => days(1),
            Unit::Week => days(7),
            Unit::Weekend => return None,
            Unit::Month => months(1),
            Unit::Quarter => months(3),
            Unit::Year => months(12),
            Unit::Decade => months(120),
        }?;
        if ahead { Span::new(self.today, far) } else { Span::new(far, self.today) }
    }

    /// "A couple of" units ago reaches from three to one back, "a few" from five to two;
    /// a month counts 30 days here.
    pub(super) fn vaguely_ago(self, is_few: bool, unit: Unit) -> Option<Span> {
        let (far, near) = if is_few { (5, 2) } else { (3, 1) };
        let days = match unit {
            Unit::Day => 1,
            Unit::Week => 7,
            Unit::Month => 30,
            unit => return Span::new(self.unit(unit, -far)?.first, self.unit(unit, -near)?.last),
        };
        Span::new(shifted(self.today, -far * days)?, shifted(self.today, -near * days)?)
    }

    /// The nearest such weekday before today, or with `ahead` after it.
    pub(super) fn weekday(self, weekday: Weekday, ahead: bool) -> Option<Span> {
        let distance = i64::from(weekday.days_since(self.today.weekday()));
        match (ahead, distance) {
            (true, 0) => self.day(7),
            (true, distance) => self.day(distance),
            (false, distance) => self.day(distance - 7),
        }
    }

    /// The weekday of the week `step` away.
    pub(super) fn weekday_of_week(self, weekday: Weekday, step: i64) -> Option<Span> {
        let days = step.checked_mul(7)?.checked_add(i64::from(weekday.num_days_from_monday()))?;
        shifted(self.monday()?, days).map(Span::day)
    }

    fn monday(self) -> Option<NaiveDate> {
        shifted(self.today, -i64::from(self.today.weekday().num_days_from_monday()))
    }

    /// The block of so many months of the calendar year, `step` blocks away.
    fn months(self, months: u32, step: i64) -> Option<Span> {
        let month = self.today.month0() / months * months + 1;
        let running = NaiveDate::from_ymd_opt(self.today.year(), month, 1)?;
        let first = months_away(running, step.checked_mul(i64::from(months))?)?;
        Span::months(first.year(), first.month(), months)
    }
}

/// Ten years from a year on.
pub(super) fn decade_of(year: i32) -> Option<Span> {
    Span::months(year, 1, 120)
}

pub(super) fn shifted(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let distance = Days::new(days.unsigned_abs());
    if days < 0 { date.checked_sub_days(distance) } else { date.checked_add_days(distance) }
}

fn months_away(date: NaiveDate, months: i64) -> Option<NaiveDate> {
    let distance = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
    if months < 0 { date.checked_sub_months(distance) } else { date.checked_add_months(distance) }
}
