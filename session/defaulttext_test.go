package session

import (
	"encoding/hex"
	"testing"
)

func TestDefaultsAreFoundInDefinitions(t *testing.T) {
	for text, want := range map[string]string{
		`'\xe501ff'::bytea`:                           `'\xe501ff'::bytea 0`,
		`E'\\xe501ff'::bytea`:                         `E'\\xe501ff'::bytea 0`,
		`COALESCE(E'\\xe501'::bytea, x)`:              `E'\\xe501'::bytea 0`,
		`{"d":"'\\xe501ff'::bytea","e":1}`:            `'\\xe501ff'::bytea 1`,
		`{"d":"E'\\\\xe501ff'::bytea","e":1}`:         `E'\\\\xe501ff'::bytea 1`,
		`["[\"'\\\\xe501ff'::bytea\"]"]`:              `'\\\\xe501ff'::bytea 2`,
		`'\xe501'`:                                    "",
		`\xe501ff'::bytea`:                            "",
		`'\\\xe501ff'::bytea`:                         "",
		`'\xe501x' || '\xe501ff'::bytea`:              `'\xe501ff'::bytea 0`,
		`'\xe502ff'::bytea`:                           "",
		`'x'::character varying`:                      "",
		`lower('\xe501'::text) || ''::text`:           "",
		``:                                            "",
		`NULL::bytea::pgseal_column.public_users_ssn`: `NULL::bytea::pgseal_column.public_users_ssn 0`,
		`(NULL::bytea)::pgseal_column."X ""y"`:        `(NULL::bytea)::pgseal_column."X ""y" 0`,
		`{"d":"NULL::bytea::pgseal_column.\"Xy\""}`:   `NULL::bytea::pgseal_column.\"Xy\" 1`,
		`NULL::bytea::pgseal_column."X`:               "",
		`'x'::pgseal_column.a`:                        "",
		`'\345\001a'::bytea`:                          `'\345\001a'::bytea 0`,
		`'\345\001it''s \\'::bytea`:                   `'\345\001it''s \\'::bytea 0`,
		`E'\\345\\001a'::bytea`:                       `E'\\345\\001a'::bytea 0`,
		`["'\\345\\001\"'::bytea"]`:                   `'\\345\\001\"'::bytea 1`,
		`'\345\002a'::bytea`:                          "",
		`'\345\001a''`:                                "",
		`NULL::bytea::pgseal_column.`:                 "",
	} {
		got := ""
		if d, found := nextDefault([]byte(text), 0); found {
			got = text[d.start:d.end] + " " + string(rune('0'+d.depth))
		}
		if got != want {
			t.Errorf("%s: found %q, not %q", text, got, want)
		}
	}
}

func TestDefaultsThatWereCut(t *testing.T) {
	for text, want := range map[string]string{
		`\xe501ff`: "e501ff", `'\xe501ff'`: "e501ff quoted", `'\xe501ff`: "", `\xe501f`: "", `\xe501ff'`: "", `\xe502ff`: "", "": "", "'": "", "''": "",
	} {
		env, quoted := cutDefault([]byte(text))
		got := hex.EncodeToString(env)
		if quoted && env != nil {
			got += " quoted"
		}
		if got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
	for sql, want := range map[string]string{"'it''s'::text": "it''s", "5": "5", "''::text": "", "'": "'"} {
		if got := cutLiteral(sql, false); got != want {
			t.Errorf("%s: %q, not %q", sql, got, want)
		}
	}
	if got := cutLiteral("'x'::character varying", true); got != "'x'" {
		t.Error(got)
	}
}

func FuzzDefaultsAreFound(f *testing.F) {
	f.Add([]byte(`{"d":"E'\\\\xe501ff'::bytea","e":"(NULL::bytea)::pgseal_column.\"X\""}`))
	f.Add([]byte(`["E'\\\\345\\\\001''\\\\000'::bytea"]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for at := 0; ; {
			d, found := nextDefault(text, at)
			if !found {
				return
			}
			if d.start < at || d.end <= d.start || d.end > len(text) || d.depth < 0 {
				t.Fatalf("%q: %+v from %d on", text, d, at)
			}
			if !d.null {
				d.envelope(text[d.start:d.end])
			}
			at = d.end
		}
	})
}
