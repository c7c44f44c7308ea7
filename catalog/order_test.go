//go:build !race

package catalog_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"pgseal/catalog"
	"pgseal/integration/pgtest"
)

// What is learnt of a collation holds for texts that nobody has asked the server about, and
// collations that are otherwise are known to be.
func TestOrdersThatAreLearntAreTheServers(t *testing.T) {
	database := "collations"
	if err := cluster.CreateDatabase(t.Context(), database, "ENCODING 'UTF8' TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), cluster.DSN(database, pgtest.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	seed := pgtest.Seed(t)
	for _, of := range []struct {
		name    string
		unknown bool
		but     int // how many characters are unknown at most
	}{
		{"en-x-icu", false, 0}, {"cs-x-icu", true, 0}, {"en_US.utf8", false, 0}, {"pl_PL.utf8", false, 0},
		// These, which take longer together, where a seed asks for more than usual.
		{"sv-x-icu", false, 2}, {"da-x-icu", true, 0}, {"fr-CA-x-icu", false, 320}, {"C.utf8", false, 0},
		{"de_DE.utf8", false, 0}, {"fr_FR.utf8", false, 0}, {"es_ES.utf8", false, 0}, {"tr_TR.utf8", false, 0}, {"ru_RU.utf8", false, 0}, {"sv_SE.utf8", false, 2},
		{"cs_CZ.utf8", true, 0}, {"hu_HU.utf8", true, 0},
	} {
		if of.name == "sv-x-icu" && os.Getenv("PGSEAL_TEST_SEED") == "" {
			break
		}
		t.Run(of.name, func(t *testing.T) {
			var there bool
			if err := conn.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_collation WHERE collname = $1 AND collencoding IN (-1, 6))`, of.name).Scan(&there); err != nil {
				t.Fatal(err)
			}
			if !there {
				t.Logf("this server does not have it")
				return
			}
			order, all, outOfOrder, err := catalog.LearnOrder(t.Context(), conn, `"`+of.name+`"`)
			if err != nil || (order == nil) != of.unknown {
				t.Fatalf("learnt: %t, %v", order != nil, err)
			}
			if order == nil {
				return
			}
			if ok, err := catalog.ConfirmsOrder(t.Context(), conn, `"`+of.name+`"`, order); !ok || err != nil {
				t.Errorf("it would be learnt again: %t, %v", ok, err)
			}
			if !order.Knows([]byte("The quick brown fox, 12 o'clock (sharp)")) || order.Knows([]byte("東京")) || order.Knows([]byte("e\u0301")) || strings.HasSuffix(of.name, "icu") && of.but < 9 && !order.Knows([]byte("12 Straße-3 é, Æ")) {
				t.Error("what it knows is not what it should")
			}
			spaces := strings.HasPrefix(of.name, "pl") || strings.HasPrefix(of.name, "es") // count on the first level
			if libc := strings.HasSuffix(of.name, ".utf8") && of.name != "C.utf8"; libc && !spaces && !order.Knows([]byte("12 rue de l'Église, 3-é")) {
				t.Error("it does not know accents behind digits")
			}
			if unknown := slices.DeleteFunc(slices.Clone(all), func(r rune) bool { return order.Knows([]byte(string(r))) }); len(unknown) > of.but {
				t.Errorf("it does not know %c", unknown)
			}
			// Texts of few letters, so that many are alike, and of all characters.
			random := rand.New(rand.NewPCG(seed, 1))
			few := []rune("aAáÁbBcCçÇ12 -'.sSßæe")
			words := strings.Fields("12 Main St main-st MAIN Rôle role Résumé resume RESUME Łódź lodz Straße Strasse STRASSE Straßen groß gros cœur coeur Coeurs Æsop aesop Aesopp ßs sß O'Brien obrien de la Cruz Delacruz $5 5€ #1 _x Ζωή Иван")
			var texts []string
			for i := range 30_000 {
				var text string
				for range 1 + random.IntN(12) {
					switch i % 3 {
					case 0:
						text += string(few[random.IntN(len(few))])
					case 1:
						text += string(all[random.IntN(len(all))])
					default:
						text += words[random.IntN(len(words))] + []string{" ", "", "-", ", "}[random.IntN(4)]
					}
				}
				if order.Knows([]byte(text)) {
					texts = append(texts, text)
				}
			}
			// All short texts of few characters.
			for _, chars := range [...]string{"1 -oóö", "2,.uúÜ", "3 'sßš"} {
				some := []string{""}
				for range 5 {
					var longer []string
					for _, text := range some {
						for _, r := range chars {
							if longer = append(longer, text+string(r)); order.Knows([]byte(text + string(r))) {
								texts = append(texts, text+string(r))
							}
						}
					}
					some = longer
				}
			}
			slices.SortFunc(texts, func(a, b string) int { return order.Compare([]byte(a), []byte(b)) })
			texts = slices.Compact(texts)
			wrong, err := outOfOrder(texts)
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range wrong[:min(len(wrong), 5)] {
				t.Errorf("%+q comes before %+q", texts[at], texts[at-1])
			}
			if minimum := 3000; len(texts) < minimum {
				t.Errorf("%d texts are known only", len(texts))
			}
		})
	}
}
