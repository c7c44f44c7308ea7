package session

import "testing"

// exchange is a round of frames that leaves a session as it was.
type exchange struct {
	client, server []byte
}

func (d *driver) round(t testing.TB, e exchange) {
	n, need, err := d.session.FromClient(e.client, &d.out)
	if n != len(e.client) || need.Kind != NeedNothing || err != nil {
		t.Fatalf("client: %d of %d bytes, need %v, %v", n, len(e.client), need, err)
	}
	n, need, err = d.session.FromServer(e.server, &d.out)
	if n != len(e.server) || need.Kind != NeedNothing || err != nil {
		t.Fatalf("server: %d of %d bytes, need %v, %v", n, len(e.server), need, err)
	}
}

func script(t testing.TB, text string) exchange {
	client, server := streams(t, text)
	return exchange{client, server}
}
