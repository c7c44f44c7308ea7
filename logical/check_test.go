package logical

import (
	"fmt"
	"strings"
	"testing"
)

// domainChecks are CHECKs with the base type of their domain.
var domainChecks = []struct{ base, check string }{
	{"int4", "VALUE > 0"}, {"int4", "VALUE BETWEEN -5 AND 100"}, {"int4", "VALUE IN (1, 2, 100)"}, {"int4", "VALUE <> 7 OR VALUE = 100"}, {"int4", "NOT (VALUE = 1)"}, {"int8", "VALUE >= 3000000000"}, {"int2", "VALUE < 10"},
	{"numeric(6,2)", "VALUE > 0"}, {"numeric", "VALUE >= 0.5 AND VALUE < 1e3"}, {"numeric", "VALUE = 1.0"}, {"float8", "VALUE > 0"}, {"float8", "VALUE <= 1.5"}, {"float4", "VALUE <> 0"}, {"bool", "VALUE"}, {"bool", "VALUE = true"}, {"bool", "NOT VALUE"},
	{"text", "VALUE <> ''"}, {"text", "length(VALUE) <= 5"}, {"text", "char_length(VALUE) BETWEEN 2 AND 4"}, {"text", "octet_length(VALUE) < 6"}, {"text", "VALUE IN ('a', 'it''s', 'b\\c')"}, {"text", "VALUE = 'abc'"},
	{"varchar(8)", "VALUE IN ('a', 'abc')"}, {"varchar", "length(VALUE) > 1"}, {"char(4)", "VALUE = 'abc'"}, {"char(4)", "length(VALUE) = 3"}, {"char(4)", "VALUE IN ('abc', 'x ')"},
	{"text", "VALUE LIKE '%@%.%'"}, {"text", "VALUE NOT LIKE 'a_c'"}, {"text", "VALUE ILIKE 'ABC%'"}, {"text", `VALUE LIKE 'a\_c'`}, {"text", `VALUE LIKE '%\\'`},
	{"text", `VALUE ~ '^\d{5}(-\d{4})?$'`}, {"varchar", `VALUE ~ '^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$'`}, {"text", `VALUE ~* '^abc'`}, {"text", `VALUE !~ '[0-9]'`}, {"text", `VALUE ~ '^[[:alpha:]_][[:alnum:]_]*$'`}, {"text", `VALUE ~ 'a.c'`}, {"text", `VALUE ~ '^(?:ab|cd)+$'`}, {"text", `VALUE ~ '^\S+$'`}, {"text", `VALUE ~ '^a+?b$'`}, {"text", `VALUE ~ 'é'`}, {"text", `VALUE ~ '[^a-z\s]'`}, {"text", `VALUE ~ '^$|^x'`},
	{"date", "VALUE >= '2000-01-01'"}, {"date", "VALUE < '2024-02-29'::date"}, {"timestamp", "VALUE > '2001-02-03 04:05:06'"},
	{"text", "length(VALUE) > 1 AND VALUE <> 'abc' AND VALUE ~ 'c'"}, {"text", "(VALUE = 'a' OR VALUE = 'abc') AND length(VALUE) > 1"},
}

var checkedValues = map[string][]string{
	"int": {"-6", "-5", "0", "1", "2", "7", "9", "10", "100", "101", "3000000000", "2999999999"},
	"num": {"-1", "0", "0.5", "0.49", "1", "1.00", "999.99", "1000", "NaN", "Infinity", "-Infinity", "1.5", "1.50001", "-0.001"},
	"boo": {"t", "f"},
	"tex": {"", "a", "abc", "abc ", "ab", "it's", `b\c`, `\`, "a_c", "abcdef", "ABCD", "12345", "12345-6789", "12345-678", "a@b.cd", "user.name+x@example.com", "é", "éé", "a\nc", "x1", "_a1", "abcd", "abcdx", " x", "aab", "b", "a\tb", "x"},
	"dat": {"1999-12-31", "2000-01-01", "2024-02-28", "2024-02-29", "infinity", "-infinity", "0001-01-01 BC"},
	"tim": {"2001-02-03 04:05:06", "2001-02-03 04:05:06.000001", "2001-02-03 04:05:05", "infinity", "-infinity"},
}

func init() {
	for alias, of := range map[string]string{"flo": "num", "var": "tex", "cha": "tex"} {
		checkedValues[alias] = checkedValues[of]
	}
}

func TestChecksOfDomainsAreEvaluatedAsByTheServer(t *testing.T) {
	s := newSession(t)
	for i, c := range domainChecks {
		domain := fmt.Sprintf("checked_%d", i)
		s.exec(fmt.Sprintf("CREATE DOMAIN %s AS %s CONSTRAINT rule CHECK (%s)", domain, c.base, c.check))
		row := column(t, s.conn, "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE contypid = '"+domain+"'::regtype")
		base := column(t, s.conn, "SELECT typbasetype::text || ' ' || typtypmod FROM pg_type WHERE oid = '"+domain+"'::regtype")
		typ := Type{}
		if _, err := fmt.Sscanf(base[0], "%d %d", &typ.OID, &typ.Typmod); err != nil {
			t.Fatal(err)
		}
		check, err := NewCheck("rule", row[0], typ)
		if err != nil {
			t.Errorf("%s: %s is refused: %v", c.base, row[0], errorAnswer(err))
			continue
		}
		own := Type{OID: 99999, Typmod: -1, Def: Domain(Identity{Schema: "public", Name: domain}, typ, DomainRules{Checks: []Check{check}})}
		inputs := checkedValues[c.base[:3]]
		for k, want := range s.probe("SELECT format('%s', c), NULL::bytea FROM (SELECT @::"+domain+" AS c) q", inputs) {
			got := question{typ: own, use: Cast, input: inputs[k]}.ask(nil)
			refused := got.code == codeFeatureNotSupported && !IsASCII([]byte(inputs[k]))
			if (got.code != want.code || got.message != want.message || got.text != want.text) && !refused {
				t.Errorf("%s %s %q:\n got %v\nwant %v", c.base, row[0], inputs[k], got, want)
			}
		}
	}
}

// What could mean something else here than on the server is refused.
func TestChecksThatCannotBeEvaluatedAreRefused(t *testing.T) {
	s := newSession(t)
	s.exec("CREATE FUNCTION own_rule(text) RETURNS bool LANGUAGE sql AS 'SELECT true'")
	for i, c := range []struct{ base, check string }{
		{"text", "VALUE < 'm'"}, {"text", "lower(VALUE) = VALUE"}, {"text", "own_rule(VALUE)"}, {"text", `VALUE ~ '(a)\1'`}, {"text", `VALUE ~ 'a(?=b)'`}, {"text", `VALUE ~ '\mword\M'`}, {"text", `VALUE ~ '(?i)abc'`}, {"text", "VALUE SIMILAR TO 'a%'"}, {"int4", "VALUE % 2 = 0"}, {"int4", "VALUE IS NULL OR VALUE > 0"},
		{"timestamptz", "VALUE > '2001-01-01'"}, {"date", "VALUE > current_date"}, {"int4[]", "array_length(VALUE, 1) > 1"}, {"int4", "VALUE + 1 > 0"}, {"text", "VALUE COLLATE \"C\" = 'a'"}, {"jsonb", "VALUE ? 'a'"}, {"float8", "VALUE > 1 AND random() > 0"},
	} {
		domain := fmt.Sprintf("unchecked_%d", i)
		s.exec(fmt.Sprintf("CREATE DOMAIN %s AS %s CONSTRAINT rule CHECK (%s)", domain, c.base, c.check))
		row := column(t, s.conn, "SELECT pg_get_constraintdef(c.oid) || ' ' || typbasetype FROM pg_constraint c JOIN pg_type t ON t.oid = contypid WHERE contypid = '"+domain+"'::regtype")
		at := strings.LastIndexByte(row[0], ' ')
		typ := Type{Typmod: -1}
		if _, err := fmt.Sscan(row[0][at:], &typ.OID); err != nil {
			t.Fatal(err)
		}
		if _, err := NewCheck("rule", row[0][:at], typ); err == nil {
			t.Errorf("%s %s is accepted", c.base, row[0])
		} else if got := errorAnswer(err); got.code != codeFeatureNotSupported || got.hint == "" {
			t.Errorf("%s: %v, want a refusal with a hint", row[0], got)
		}
	}
}
