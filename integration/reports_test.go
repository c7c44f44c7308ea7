package integration

import (
	"testing"

	"pgseal/integration/harness"
)

// What reports compute of sealed values: ages, formatted numbers, variances.
func TestReports(t *testing.T) {
	pair := harness.New(t, harness.Schema{
		DDL:  `CREATE TABLE staff (id int PRIMARY KEY, name text, born date, hired timestamptz, salary numeric(10,2), bonus int, rate float8, flags int, data jsonb, plain text)`,
		Seal: []string{"public.staff.name", "public.staff.born", "public.staff.hired", "public.staff.salary", "public.staff.bonus", "public.staff.rate", "public.staff.flags", "public.staff.data"},
	})
	pair.SameIn(t, formulaModes,
		S(`INSERT INTO staff VALUES (1, 'ann', '1980-02-29', '2020-03-29 01:30+00', 1234.5, 10, 1.5, 3, '{"a": [1, 2], "b": null}', 'x'), (2, 'bob', '1999-12-31', '2019-12-31 23:59:59.5+00', 999999.99, 20, -2.25, 6, '{"a": []}', 'x'),
			(3, 'cid', '2010-01-31', NULL, -0.5, NULL, 1e10, 12, '[1, "x", null]', 'y'), (4, NULL, NULL, '2021-01-01+00', NULL, 7, NULL, NULL, NULL, NULL)`),
		S("SET timezone = 'Europe/Berlin'"),
		S("SELECT id, age(born), date_part('year', age(born)), extract(year FROM age(hired)) FROM staff ORDER BY id"),
		S("SELECT id, age(timestamp '2024-03-01', born), age(born, '2000-01-01'), age(hired, born), age('2024-01-01', hired) FROM staff ORDER BY id"),
		S("SELECT id FROM staff WHERE age(born) > interval '30 years' ORDER BY age(born) DESC"),
		S("SELECT id FROM staff WHERE extract(year FROM age($1, born)) BETWEEN 20 AND 30", "2024-06-01"),
		S("SELECT plain, avg(date_part('year', age(born))), max(age(born)), count(*) FROM staff GROUP BY plain ORDER BY plain"),
		S("SELECT CASE WHEN age(born) >= interval '40 years' THEN 'old' ELSE 'young' END, count(*) FROM staff GROUP BY 1 ORDER BY 1"),
		S("SELECT born, age(born), count(*) FROM staff GROUP BY born ORDER BY 2"),
		S("SELECT id FROM staff WHERE EXISTS (SELECT FROM staff s WHERE s.id = staff.id AND age(s.born) < interval '20 years')"),
		S("SELECT age(nobody) FROM staff").Fails("42703"),
		S("SELECT age('2020-02-29'), born FROM staff").Fails("42725"),
		S("SELECT id, format($1, name, bonus), concat_ws($2, name, id) FROM staff ORDER BY id", "%s-%s", "+"),
		S("UPDATE staff SET name = format($1, $2::text) WHERE id = 4", "<%s>", "dan"),
		S("SELECT to_char(salary, 'FM999,999,990.00'), to_char(bonus, '0000'), to_char(rate, '9.99EEEE'), to_char(salary, 'SG99999.9'), to_char(bonus, 'FM999th') FROM staff ORDER BY id"),
		S("SELECT to_char(sum(salary), '999,999,999.99'), to_char(avg(bonus), 'FM990.0') FROM staff"),
		S("SELECT to_char(salary, 'L999D99') FROM staff").Refused("local"),
		S("SELECT format('%s: %s (%5s)', name, salary, bonus), format('%L', name), format('%2$s %1$s', id, name) FROM staff ORDER BY id"),
		S("SELECT stddev(salary), variance(salary), stddev_pop(bonus), var_pop(bonus), stddev_samp(rate), var_samp(rate) FROM staff"),
		S("SELECT plain, stddev(bonus), round(stddev(salary), 2) FROM staff GROUP BY plain ORDER BY plain"),
		S("SELECT id, stddev(bonus) OVER (ORDER BY id), variance(salary) OVER (PARTITION BY plain) FROM staff ORDER BY id"),
		S("SELECT bit_or(flags), bit_and(flags) FROM staff"),
		S("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY salary), percentile_disc(0.9) WITHIN GROUP (ORDER BY bonus DESC), mode() WITHIN GROUP (ORDER BY born), percentile_cont($1) WITHIN GROUP (ORDER BY rate) FROM staff", "0.25"),
		S("SELECT plain, percentile_cont(0.5) WITHIN GROUP (ORDER BY bonus) FILTER (WHERE id > 1), count(*) FROM staff GROUP BY plain HAVING percentile_disc(1) WITHIN GROUP (ORDER BY bonus) > 6 ORDER BY 2"),
		S("SELECT left(plain, 1), percentile_disc(0.5) WITHIN GROUP (ORDER BY name) FROM staff GROUP BY date_part('year', born), left(plain, 1) ORDER BY 2, 1"),
		S("SELECT percentile_disc($1) WITHIN GROUP (ORDER BY bonus) FROM staff", "0.5").Refused("public.staff.bonus"),
		S("SELECT percentile_disc($1::float8) WITHIN GROUP (ORDER BY bonus) FROM staff", "0.5"),
		S("SELECT extract(year FROM born) AS y, percentile_disc(0.5) WITHIN GROUP (ORDER BY upper(name)) FROM staff GROUP BY y ORDER BY y"),
		S("SELECT id FROM staff WHERE salary > (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY salary) FROM staff)"),
		S("SELECT percentile_cont(1.5) WITHIN GROUP (ORDER BY salary) FROM staff").Fails("22003"),
		S("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY name) FROM staff").Fails("42883"),
		S("SELECT percentile_cont(0.5) FROM staff").Fails("42883"),
		S("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY salary, id) FROM staff").Fails("42883"),
		S("SELECT percentile_cont(ARRAY[0.5]) WITHIN GROUP (ORDER BY salary) FROM staff").Refused("public.staff.salary"),
		S("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY rate) FROM staff").Refused("public.staff.rate"),
		S("SELECT id FROM staff WHERE salary > (SELECT avg(salary) + stddev(salary) / 2 FROM staff)"),
		S("SELECT jsonb_typeof(data), jsonb_set(data, '{a,0}', '9'), jsonb_strip_nulls(data), data - 'a' FROM staff WHERE id < 3 ORDER BY id"),
		S("SELECT jsonb_array_length(data -> 'a') FROM staff WHERE id < 3 ORDER BY id"),
		S("UPDATE staff SET data = jsonb_set(data, '{c}', $1) WHERE id = 1", `"new"`),
		S("UPDATE staff SET data = data - 'b' WHERE id = 1"),
		S("UPDATE staff SET name = format('%s-%s', upper(name), id) WHERE id = 2"),
		S("SELECT id, name, data FROM staff ORDER BY id"),
		S("SELECT gcd(bonus, 15), lcm(bonus, 6), width_bucket(salary, 0, 2000, 4), scale(salary), trim_scale(salary), justify_hours(hired - '2020-01-01'), isfinite(born), overlay(name placing 'X' from 2 for 1), chr(flags + 64) FROM staff ORDER BY id"),
		S("SELECT width_bucket(salary, 0, 2000, 4) AS b, count(*) FROM staff GROUP BY 1 ORDER BY 1"),
		S("SELECT make_date(bonus + 2000, 1, 2), to_timestamp(rate) FROM staff WHERE id = 1"),
		S("UPDATE staff SET hired = to_timestamp($1), born = make_date(2001, 2, 3) WHERE id = 3", "86400.5"),
		S("UPDATE staff SET hired = to_timestamp('2020', 'YYYY')").Refused("public.staff.hired"),
		S("UPDATE staff SET born = make_date(2001, 2, 30)").Fails("22008"),
		S("SELECT id, hired, born FROM staff ORDER BY id"),
	)
}
