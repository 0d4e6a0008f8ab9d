//! Temperatures: `/sys/class/thermal/thermal_zone*` as lines `TYPE VALUE`, and `dumpsys thermalservice` of Android 10 and later,
//! where the zones are often closed to the shell.

use super::rounded;

/// What the processor measures, in degrees Celsius; the hottest of its sensors.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Temperatures {
    /// Of the processor.
    pub cpu: Option<f64>,
    /// Of the case.
    pub skin: Option<f64>,
}

/// Beginnings of the types that processors' sensors have.
const PROCESSOR: [&str; 6] = ["cpu", "tsens", "mtktscpu", "soc", "big", "exynos"];

/// Reads the output of both.
#[must_use]
pub fn parse(text: &str) -> Temperatures {
    let mut found = Temperatures::default();
    let mut hal = true;
    for line in text.lines().map(str::trim) {
        // Of the service's lists, the one that is not a memory of earlier values counts.
        match line {
            "Cached temperatures:" => hal = false,
            "Current temperatures from HAL:" => hal = true,
            _ => {}
        }
        if let Some(fields) = line.strip_prefix("Temperature{") {
            if hal {
                service(fields, &mut found);
            }
        } else if let Some((kind, celsius)) = zone(line) {
            let kind = kind.to_ascii_lowercase();
            if PROCESSOR.iter().any(|prefix| kind.starts_with(prefix)) {
                hotter(&mut found.cpu, celsius);
            } else if kind.contains("skin") || kind.contains("case_therm") {
                hotter(&mut found.skin, celsius);
            }
        }
    }
    found
}

fn hotter(known: &mut Option<f64>, celsius: f64) {
    *known = Some(known.map_or(celsius, |known| known.max(celsius)));
}

/// A zone's line. Drivers tell degrees, tenths or thousandths of them.
fn zone(line: &str) -> Option<(&str, f64)> {
    let (kind, value) = line.rsplit_once(' ')?;
    let raw: f64 = value.parse().ok()?;
    let celsius = match raw.abs() {
        big if big >= 1000.0 => raw / 1000.0,
        middle if middle > 150.0 => raw / 10.0,
        _ => raw,
    };
    // A sensor that is not connected tells -40, or 0.
    (celsius > 0.0 && celsius < 150.0).then(|| (kind.trim(), rounded(celsius)))
}

/// `mValue=25.6, mType=0, mName=AP, mStatus=0}`; types 0 and 3 of `android.os.Temperature` are the processor and the skin.
fn service(fields: &str, found: &mut Temperatures) {
    let field = |name: &str| {
        let mut fields = fields.trim_end_matches('}').split(", ");
        fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    };
    let celsius: Option<f64> = field("mValue").and_then(|value| value.parse().ok());
    let Some(celsius) = celsius.filter(|c| *c > 0.0 && *c < 150.0) else {
        return;
    };
    match field("mType") {
        Some("0") => hotter(&mut found.cpu, rounded(celsius)),
        Some("3") => hotter(&mut found.skin, rounded(celsius)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, cpu: Option<f64>, skin: Option<f64>) {
        assert_eq!(parse(text), Temperatures { cpu, skin }, "{text}");
        assert_eq!(
            parse(&text.replace('\n', "\r\n")),
            Temperatures { cpu, skin }
        );
    }

    #[test]
    fn zones_in_whatever_unit() {
        check(
            include_str!("../../fixtures/thermal-msm8953.txt"),
            Some(32.2),
            None,
        );
        check(
            "cpu-0-0-usr 45300\ncpu-1-7-usr 47100\nskin-therm 33000\n",
            Some(47.1),
            Some(33.0),
        );
        check("mtktscpu 41000\nmtktsbattery 30000\n", Some(41.0), None);
        check("cpu_thermal \nbattery 250\n", None, None);
        check("tsens_tz_sensor0 -40\ntsens_tz_sensor1 0\n", None, None);
    }

    #[test]
    fn the_service_of_android_10_and_later() {
        check(
            include_str!("../../fixtures/thermalservice-a52-android12.txt"),
            Some(25.6),
            Some(24.7),
        );
        check(
            "Cached temperatures:\n\tTemperature{mValue=99.9, mType=0, mName=AP, mStatus=0}\n",
            None,
            None,
        );
        check("Can't find service: thermalservice\n", None, None);
        check(
            "Current temperatures from HAL:\nTemperature{mValue=NaN, mType=0, mName=x}\nTemperature{\n",
            None,
            None,
        );
    }
}
