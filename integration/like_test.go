package integration

import (
	"testing"

	"pgseal/integration/harness"
)

var likedSchema = harness.Schema{
	DDL:  `CREATE TYPE mood AS ENUM ('sad', 'a%b'); CREATE TABLE liked (id int PRIMARY KEY, email text, nick varchar(40), bio text, m mood, plain text)`,
	Seal: []string{"public.liked.email --equality --normalize lower", "public.liked.nick --equality", "public.liked.bio", "public.liked.m --equality"},
}

// LIKE without wildcards is =, and ILIKE that of lower(): Prisma's insensitive search, and
// many an application's, is ILIKE of whatever it is given.
func TestLikeWithoutWildcards(t *testing.T) {
	pair := harness.New(t, likedSchema)
	w := pair.Env.Canaries.Word()
	pair.Same(t,
		S("INSERT INTO liked VALUES (1, 'Bob@"+w+"', 'a_b', 'x', 'sad', 'p'), (2, 'bob@"+w+"', 'a%b', 'y', 'a%b', 'q'), (3, 'ÄÖÉ', 'a\\b', '', NULL, NULL), (4, NULL, 'axb', NULL, NULL, 'r'), (5, '', '', NULL, NULL, '')"),
		S("SELECT id FROM liked WHERE email LIKE $1 ORDER BY id", "Bob@"+w),
		S("SELECT id FROM liked WHERE email NOT LIKE $1 AND nick NOT LIKE 'axb' ORDER BY id", "Bob@"+w),
		S("SELECT id, email ILIKE $1, email NOT ILIKE 'äöé', email ILIKE '' FROM liked ORDER BY id", "BOB@"+w),
		S("SELECT id FROM liked WHERE email ILIKE 'ÄÖé' OR email ILIKE $1::text ORDER BY id", "\\b\\o\\B@"+w),
		S("SELECT id FROM liked WHERE nick LIKE 'a\\_b' OR nick LIKE $1 ORDER BY id", "a\\\\b"),
		S("SELECT id FROM liked WHERE nick LIKE $1 ESCAPE '!' OR nick LIKE ('a\\b') ESCAPE '' ORDER BY id", "a!%b"),
		S("SELECT id FROM liked WHERE (nick LIKE 'axb') = true OR NOT nick LIKE 'axb' IS NULL ORDER BY id"),
		S("SELECT id FROM liked WHERE lower(email) LIKE lower($1) OR m::text LIKE 'sad' ORDER BY id", "BOB@"+w),
		S("SELECT id FROM liked WHERE m::text LIKE $1 ORDER BY id", "a\\%b"),
		S("SELECT id FROM liked WHERE plain LIKE 'p%' AND nick LIKE $1", "a\\_b"),
		S("UPDATE liked SET plain = 'liked' WHERE email ILIKE $1 RETURNING id", "bob@"+w).Unordered(),
		S("SELECT id FROM liked WHERE nick LIKE NULL OR nick LIKE $1", nil),
		S("SELECT id FROM liked WHERE m LIKE 'x'").Fails("42883").Simple(),
	)
}

// Whether a parameter has wildcards is known with its value: the same statement is answered
// by the term, or by looking at the rows.
func TestLikeOfParametersWithWildcards(t *testing.T) {
	pair := harness.New(t, likedSchema)
	w := pair.Env.Canaries.Word()
	steps := []harness.Step{S("INSERT INTO liked VALUES (1, 'Bob@" + w + "', 'a_b', 'x', 'sad', 'p'), (2, 'bob@" + w + "', 'a%b', 'y', 'a%b', 'q'), (3, 'ÄÖÉ', 'a\\b', '', NULL, NULL), (4, NULL, 'axb', NULL, NULL, 'r'), (5, '', '', NULL, NULL, '')")}
	for _, pattern := range []any{"Bob@" + w, "%ob@%", "_ob%", "a\\%b", "a%b", "a\\_b", "a_b", "", "%", "a\\\\b", nil} {
		steps = append(steps,
			S("SELECT id, nick FROM liked WHERE nick LIKE $1 ORDER BY id", pattern),
			S("SELECT id FROM liked WHERE nick NOT LIKE ($1::text) AND id > 0 ORDER BY nick, id LIMIT 2", pattern),
			S("SELECT count(*) FROM liked WHERE email LIKE $1", pattern),
			S("SELECT id FROM liked WHERE email ILIKE $1 AND nick LIKE $2 ORDER BY id", pattern, "a%"),
			S("SELECT id FROM liked WHERE lower(email) LIKE lower($1) AND plain IS NOT NULL ORDER BY id", pattern),
			S("SELECT nick FROM liked WHERE nick LIKE ($1) ESCAPE '!' ORDER BY id", pattern),
			S("SELECT id FROM liked WHERE nick LIKE $1 OR email ILIKE $2 ORDER BY id", pattern, "%B@"+w),
			S("SELECT id FROM liked WHERE nick ILIKE $1 OR email ILIKE $1 OR nick LIKE $2 ORDER BY id", pattern, "q%"),
			S("SELECT id FROM liked WHERE nick LIKE $1 ESCAPE '!' OR (email LIKE $2 ESCAPE '!' AND id > 1) OR plain LIKE $3 ORDER BY id", "q", pattern, "r%"),
			S("SELECT id FROM liked WHERE (nick LIKE $1 OR nick = 'a_b') AND (email NOT LIKE $2 OR email IS NULL) ORDER BY id", pattern, pattern),
			S("SELECT id FROM liked WHERE nick LIKE $1 OR bio LIKE '%x%' ORDER BY id", pattern),
			S("SELECT count(*) FROM liked WHERE nick LIKE $1 OR email LIKE $2", pattern, "x"))
	}
	pair.SameIn(t, formulaModes, append(steps,
		S("SELECT id FROM liked WHERE nick LIKE 'a%' ORDER BY id"),
		S("SELECT id FROM liked WHERE nick LIKE $1 ORDER BY id", "a%"),
		S("SELECT id FROM liked WHERE email ILIKE $1 ORDER BY id", "_ob%"),
		S("SELECT id, nick FROM liked WHERE nick NOT LIKE ($1) ORDER BY id", "a%"),
		S("SELECT id, nick FROM liked WHERE nick LIKE ($1) ESCAPE '!' ORDER BY id", "a!%b%"),
		S("SELECT count(*) FROM liked WHERE lower(email) LIKE lower($1)", "%@%"),
		S("SELECT id FROM liked WHERE nick LIKE $1", "a\\").Fails("22025"),
		S("SELECT id FROM liked WHERE nick ILIKE 'A%' ORDER BY id"),
		S("SELECT id FROM liked WHERE bio LIKE $1 ORDER BY id", "%x%"),
	)...)
	pair.SameIn(t, formulaModes[1:], S("INSERT INTO liked VALUES (1, 'Bob@"+w+"', 'a_b', 'x', 'sad', 'p'), (2, 'bob@"+w+"', 'a%b', 'y', 'a%b', 'q'), (3, 'ÄÖÉ', 'a\\b', '', NULL, NULL), (4, NULL, 'axb', NULL, NULL, 'r'), (5, '', '', NULL, NULL, '')"),
		S("SELECT id FROM liked WHERE nick LIKE $1 AND plain = $1", "a%"),
		S("SELECT id FROM liked WHERE nick LIKE $1 AND plain = $1", "axb"))
}
