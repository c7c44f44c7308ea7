package session

import "testing"

func TestComputedDefaultsAreShownAlone(t *testing.T) {
	for text, want := range map[string]string{
		`pgseal.computed_default(now())`:                           `now()`,
		`computed_default(('a)'::text || nextval('s'::regclass)))`: `('a)'::text || nextval('s'::regclass))`,
		`pgseal.computed_default(app."f)"('it''s('::text))`:        `app."f)"('it''s('::text)`,
		`{"d":"pgseal.computed_default(f('\")'::text))","e":")"}`:  `{"d":"f('\")'::text)","e":")"}`,
		`["pgseal.computed_default(now())","computed_default(x)"]`: `["now()","computed_default(x)"]`,
		`{pgseal.computed_default(now()),"x, y"}`:                  `{now(),"x, y"}`,
		`(1,"pgseal.computed_default(CURRENT_DATE)",2)`:            `(1,CURRENT_DATE,2)`,
		`(1,"pgseal.computed_default(now())",2)`:                   `(1,"now()",2)`,
		`pgseal.computed_default(now()) + computed_default(1)`:     `now() + computed_default(1)`,
		`pgseal.computed_default(now()`:                            `pgseal.computed_default(now()`,
		`pgseal.computed_default('`:                                `pgseal.computed_default('`,
		`'x'::text`:                                                `'x'::text`,
		``:                                                         ``,
	} {
		if got := string(unwrapDefaults([]byte(text))); got != want {
			t.Errorf("%s is shown as %s, not %s", text, got, want)
		}
	}
}
