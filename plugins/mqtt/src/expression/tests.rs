#![allow(clippy::unwrap_used)]

use super::*;
use serde_json::json;

fn render(template: &str, message: &str) -> Result<String, String> {
    let json = serde_json::from_str(message).ok();
    let payload = Payload {
        text: message,
        json: json.as_ref(),
    };
    let template = Template::parse(template).map_err(|trouble| trouble.0)?;
    template.render(payload).map_err(|trouble| trouble.0)
}

/// What Jinja makes of it, in templates that real integrations announce.
#[test]
fn common_templates_are_understood() {
    let message = json!({
        "temperature": 21.456, "state": "ON", "contact": false, "update": {"state": "idle", "progress": null},
        "list": [10, {"x": "y"}], "text": "12", "name with space": 1, "zero": 0,
    });
    let message = message.to_string();
    let check = |template: &str, expected: &str| {
        assert_eq!(
            render(template, &message).as_deref(),
            Ok(expected),
            "{template}"
        );
    };
    check("{{ value_json.temperature }}", "21.456");
    check("{{value_json.state}}", "ON");
    check("{{ value_json['state'] }}", "ON");
    check("{{ value_json[\"update\"][\"state\"] }}", "idle");
    check("{{ value_json.update.state }}", "idle");
    check("{{ value_json['name with space'] }}", "1");
    check("{{ value_json.list[0] }}", "10");
    check("{{ value_json.list[1].x }}", "y");
    check("{{ value_json.contact }}", "False");
    check("{{ value_json.update.progress }}", "None");
    check("{{ value_json.temperature | round(1) }}", "21.5");
    check("{{ value_json.temperature | round }}", "21");
    check("{{ value_json.text | float / 10 }}", "1.2");
    check("{{ (value_json.text | int) * 2 + 1 }}", "25");
    check("{{ value_json.text|float(0)|multiply(2) }}", "24");
    check("{{ value_json.missing | default('-') }}", "-");
    check(
        "{{ value_json.missing | default(value_json.state, true) }}",
        "ON",
    );
    check("{{ value_json.zero | default(5, true) }}", "5");
    check("{{ value_json.get('missing', 3) }}", "3");
    check("{{ value_json.get('state') | lower }}", "on");
    check("{{ 'on' if value_json.state == 'ON' else 'off' }}", "on");
    check(
        "{{ 'a' if value_json.temperature > 30 else 'b' if value_json.temperature >= 20 else 'c' }}",
        "b",
    );
    check(
        "{{ 'open' if not value_json.contact else 'closed' }}",
        "open",
    );
    check("{{ iif(value_json.contact, 'c', 'o') }}", "o");
    check("{{ 1 if value_json.missing is defined else 0 }}", "0");
    check("{{ value_json.missing is not defined }}", "True");
    check(
        "{{ value_json.state == 'ON' and value_json.zero == 0 }}",
        "True",
    );
    check("{{ value_json.zero or 'none' }}", "none");
    check("{{ 'N' in value_json.state }}", "True");
    check("{{ value_json.state ~ '-' ~ value_json.zero }}", "ON-0");
    check("{{ -value_json.temperature | abs }}", "-21.456");
    check("{{ 7 // 2 }}/{{ 7 % 4 }}", "3/3");
    check("{{ value_json.list | tojson }}", "[10,{\"x\":\"y\"}]");
    check("{{ 'a b' | title }} {{ ' x ' | trim }}", "A B x");
    check("{{- value_json.state -}}", "ON");
    check("plain", "plain");
    check("{{ 'it\\'s' }}", "it's");
}

#[test]
fn a_plain_payload_is_the_value() {
    assert_eq!(render("{{ value }}", "12.5").as_deref(), Ok("12.5"));
    assert_eq!(render("{{ value | int + 1 }}", "12.5").as_deref(), Ok("13"));
    assert_eq!(render("{{ value_json }}", "12.5").as_deref(), Ok("12.5"));
    assert_eq!(render("{{ value | upper }}", "on").as_deref(), Ok("ON"));
}

#[test]
fn what_is_not_understood_or_not_there_is_said() {
    let check = |template: &str, message: &str, expected: &str| {
        assert_eq!(
            render(template, message),
            Err(expected.to_owned()),
            "{template}"
        );
    };
    check(
        "{% if value %}x{% endif %}",
        "1",
        "statements ({% … %}) are not understood",
    );
    check("{{ value", "1", "{{ is not closed");
    check("{{ states('x') }}", "1", "states is not known");
    check(
        "{{ value | regex_replace('a') }}",
        "1",
        "the filter regex_replace is not understood",
    );
    check("{{ value_json.x }}", "{}", "the message has no such value");
    check("{{ value_json.x }}", "no JSON", "the message is no JSON");
    check(
        "{{ value_json.x | float }}",
        r#"{"x": "warm"}"#,
        "warm is no number",
    );
    check("{{ 1 / 0 }}", "1", "a division by zero");
    check("{{ 'a }}", "1", "a text is not closed");
    check("{{ }}", "1", "an expression is missing");
    check("{{ 1 if 2 }}", "1", "an if without an else");
    check(
        "{{ value is odd }}",
        "1",
        "of the tests, only `is defined` is understood",
    );
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
    check(&deep, "1", "nested too deeply");
    let minus = format!("{{{{ {}1 }}}}", "-".repeat(100));
    check(&minus, "1", "nested too deeply");
    check(&format!("{{{{ {}1 }}}}", "1+".repeat(500)), "1", "too long");
    let not = format!("{{{{ {}1 }}}}", "not ".repeat(490));
    assert!(render(&not, "1").is_ok(), "490 negations fit the stack");
}

proptest::proptest! {
    #[test]
    fn any_template_is_read_or_refused(template in "[{}value_json.'\"|()\\[\\]<>=!+*/ -]{0,60}") {
        let _ = render(&template, r#"{"a": 1}"#);
    }
}
