package session

import "testing"

func TestDefaultsAreFoundInDefinitions(t *testing.T) {
	for text, want := range map[string]string{
		`'\xe501ff'::bytea`:                 `'\xe501ff'::bytea`,
		`E'\\xe501ff'::bytea`:               `E'\\xe501ff'::bytea`,
		`COALESCE('\\xe501'::bytea, x)`:     `'\\xe501'::bytea`,
		`'\xe501'`:                          "",
		`\xe501ff'::bytea`:                  "",
		`'\xe502ff'::bytea`:                 "",
		`'x'::character varying`:            "",
		`lower('\xe501'::text) || ''::text`: "",
		``:                                  "",
	} {
		got := ""
		if start, end := defaultSpan([]byte(text)); start >= 0 {
			got = text[start:end]
			envelopeDigits([]byte(got))
		}
		if got != want {
			t.Errorf("%s: found %q, not %q", text, got, want)
		}
	}
}
