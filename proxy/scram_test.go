package proxy

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgproto3/v2"
)

// The exchange of RFC 7677, section 3.
func TestScramAnswersAsTheStandardsExample(t *testing.T) {
	s := &scramLogin{
		gs2:       "n,,",
		password:  "pencil",
		nonce:     "rOprNGfwEbeRWgbNEkqO",
		firstBare: "n=user,r=rOprNGfwEbeRWgbNEkqO",
	}
	final, err := s.final([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	if err != nil {
		t.Fatal(err)
	}
	want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if final != want {
		t.Errorf("got  %s\nwant %s", final, want)
	}
	if err := s.verify([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil {
		t.Error(err)
	}
	if err := s.verify([]byte("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err == nil {
		t.Error("a server that does not know the verifier was believed")
	}
}

func TestScramRefusesAServerThatDoesNotPlayByTheRules(t *testing.T) {
	s := newScramLogin("secret", nil)
	for _, first := range []string{
		"",
		"r=" + s.nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", // no nonce of its own
		"r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
		"r=" + s.nonce + "x,s=,i=4096",
		"r=" + s.nonce + "x,s=!,i=4096",
		"r=" + s.nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
		"r=" + s.nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999",
		"m=extension,r=" + s.nonce + "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	} {
		if _, err := s.final([]byte(first)); err == nil {
			t.Errorf("%q was accepted", first)
		}
	}
}

// The examples of RFC 4013, section 3, and what PostgreSQL makes of what they
// forbid.
func TestPasswordsArePreparedAsPostgreSQLDoes(t *testing.T) {
	for in, want := range map[string]string{
		"":              "",
		"user":          "user",
		"I\u00adX":      "IX",
		"USER":          "USER",
		"\u00aa":        "a",
		"\u2168":        "IX",
		"\u0007":        "\u0007",
		"\u0627\u0031":  "\u0627\u0031", // right-to-left that does not end so
		"a\u00a0b":      "a b",
		"é\u0007":       "é\u0007",
		"\xff\xfe":      "\xff\xfe",
		"\u2168😀":       "\u2168😀", // unassigned in Unicode 3.2
		"\u00ad":        "\u00ad",
		"e\u0301":       "\u00e9",
		"\uff21\uff22c": "ABc",
	} {
		if got := saslPrep(in); got != want {
			t.Errorf("%+q: got %+q, want %+q", in, got, want)
		}
	}
}

func TestPasswordsBeyondASCIIWorkWhenTheProxyAnswersTheChallenge(t *testing.T) {
	p := startProxy(t, Config{Upstream: upstreamTLS(), ClientTLS: serverTLS(t, otherCertificate)})
	for _, password := range []string{"pässwörd", "e\u0301\u2168", "\u2168😀", "a\u00a0b", "mit 'Hochkomma' \\"} {
		ctx := context.Background()
		if err := cluster.Exec(ctx, "postgres", "DROP ROLE IF EXISTS scram_utf8; SET password_encryption = 'scram-sha-256'; CREATE ROLE scram_utf8 LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'"); err != nil {
			t.Fatal(err)
		}
		quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
		dsn := strings.Replace(p.DSN("scram_utf8", "sslmode=require"), "pw-scram_utf8", quoted, 1)
		if got, err := psql(t, dsn, "SELECT 'in'"); err != nil || got != "in" {
			t.Errorf("%+q: %q, %v", password, got, err)
		}
	}
}

func FuzzServersFirstMessage(f *testing.F) {
	f.Add([]byte("r=abc,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	f.Fuzz(func(t *testing.T, m []byte) {
		nonce, salt, iterations, err := parseServerFirst(m)
		if err == nil && (len(salt) == 0 || iterations <= 0 || iterations > maxScramIterations || strings.Contains(nonce, ",")) {
			t.Errorf("%q: %q %q %d", m, nonce, salt, iterations)
		}
	})
}

func FuzzMechanisms(f *testing.F) {
	f.Add([]byte("SCRAM-SHA-256-PLUS\x00SCRAM-SHA-256\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		names, err := parseMechanisms(b)
		if err != nil {
			return
		}
		encoded, err := (&pgproto3.AuthenticationSASL{AuthMechanisms: names}).Encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseMechanisms(encoded[9:])
		if err != nil || len(again) != len(names) {
			t.Errorf("%q: %q, then %q, %v", b, names, again, err)
		}
	})
}

func FuzzSaslPrep(f *testing.F) {
	f.Add("I\u00adX")
	f.Fuzz(func(t *testing.T, password string) {
		prepared := saslPrep(password)
		if !utf8.ValidString(password) && prepared != password {
			t.Errorf("%q is no UTF-8 and became %q", password, prepared)
		}
		if prepared == "" && password != "" {
			t.Errorf("%q became empty", password)
		}
	})
}
