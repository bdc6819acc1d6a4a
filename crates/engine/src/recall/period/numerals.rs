//! Chinese numbers.

/// The value of figures or of a number in characters: 12, 十二, 廿五, 一百零三, 两千, 三万.
pub(super) fn number(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (mut sum, mut below_ten_thousand, mut digit) = (0_u32, 0_u32, None);
    for c in text.chars() {
        if let Some(value) = digit_of(c) {
            // Digits side by side, 两三天, are not one number.
            if digit.replace(value).is_some_and(|before| before != 0) {
                return None;
            }
            continue;
        }
        match c {
            '廿' | '卅' => {
                below_ten_thousand = below_ten_thousand.checked_add(if c == '廿' { 20 } else { 30 })?;
            }
            '万' => {
                let thousands = below_ten_thousand.checked_add(digit.take().unwrap_or(0))?;
                sum = sum.checked_add(thousands.max(1).checked_mul(10_000)?)?;
                below_ten_thousand = 0;
            }
            _ => {
                let power = match c {
                    '十' => 10,
                    '百' => 100,
                    '千' => 1000,
                    _ => return None,
                };
                let times = digit.take().filter(|times| *times != 0).unwrap_or(1);
                below_ten_thousand = below_ten_thousand.checked_add(times * power)?;
            }
        }
    }
    sum.checked_add(below_ten_thousand)?.checked_add(digit.unwrap_or(0))
}

/// A year of four figures or digits: 2023, 二〇二三.
pub(super) fn year(text: &str) -> Option<i32> {
    let digits = text.chars().map(|c| c.to_digit(10).or_else(|| digit_of(c)));
    digits.into_iter().try_fold(0_i32, |year, digit| Some(year * 10 + i32::try_from(digit?).ok()?))
}

fn digit_of(c: char) -> Option<u32> {
    Some(match c {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        for (text, expected) in [
            ("12", Some(12)),
            ("十", Some(10)),
            ("十二", Some(12)),
            ("二十", Some(20)),
            ("二十五", Some(25)),
            ("廿五", Some(25)),
            ("卅", Some(30)),
            ("一百零三", Some(103)),
            ("两千", Some(2000)),
            ("三万", Some(30_000)),
            ("万", Some(10_000)),
            ("一万二千", Some(12_000)),
            ("两三", None),
            ("99999999999", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
        assert_eq!(year("二〇二三"), Some(2023));
        assert_eq!(year("1999"), Some(1999));
        assert_eq!(year("二十二三"), None);
    }
}
