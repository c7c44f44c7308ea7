package proxy

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

func TestASettingThatCannotWorkIsRefusedByName(t *testing.T) {
	for want, c := range map[string]Config{
		"drain timeout":        {DrainTimeout: -1},
		"startup timeout":      {StartupTimeout: -time.Second},
		"limit on connections": {MaxConnections: -1},
		"certificate":          {ClientTLS: &tls.Config{}},
		"target_session_attrs": {Upstream: "postgres://u@h/d?target_session_attrs=writable"},
		"load_balance_hosts":   {Upstream: "postgres://u@h/d?load_balance_hosts=fair"},
		"invalid port":         {Upstream: "postgres://u:hunter2@h:port/d"},
		"sslmode":              {Upstream: "postgres://u:hunter2@h/d?sslmode=sometimes"},
		"unable to read CA":    {Upstream: "postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nonexistent"},
	} {
		if c.Open == nil {
			c.Open = openRelaying
		}
		if c.Upstream == "" {
			c.Upstream = "postgres://u@h/d"
		}
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want something about %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password stands in %q", err)
		}
	}
	if _, err := New(Config{Upstream: "postgres://u@h/d"}); err == nil {
		t.Error("a Config without Open was accepted")
	}
}
