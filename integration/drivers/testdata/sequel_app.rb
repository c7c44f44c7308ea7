# What an application of Sequel does, printed for comparison.
require "sequel"
require "bigdecimal"

WORD = ARGV[0]

def connect(*extensions)
  db = Sequel.connect(adapter: "postgres", host: ENV["PGHOST"], port: ENV["PGPORT"], user: ENV["PGUSER"], password: ENV["PGPASSWORD"], database: ENV["PGDATABASE"])
  Sequel.default_timezone = :utc
  db.extension(:pg_array, :pg_json, :schema_dumper, :auto_literal_strings, *extensions)
end

def failure(db)
  db.transaction(savepoint: true) { yield }
  puts "no error"
rescue Sequel::Error => e
  puts [e.class, e.message.lines.first].join(" | ")
end

# An error like any other, and a session that goes on.
def refused
  db = connect
  db.transaction(rollback: :always) do
    db[:customers].insert(name: "refused", email: WORD)
    begin
      db.transaction(savepoint: true) { db[:customers].select { quote_ident(note) }.where { id > 0 }.all }
    rescue Sequel::DatabaseError => e
      puts e.wrapped_exception.result.error_field(PG::Result::PG_DIAG_SQLSTATE)
    end
    puts "refused, and usable: #{db[:customers].where(email: WORD).get(:email)}"
  end
end

def application(*extensions)
  db = connect(*extensions)
  %i[customers orders contacts].each { |t| p db.schema(t).map { |c, i| [c, i[:db_type], i[:oid], i[:type], i[:default], i[:ruby_default], i[:max_length], i[:allow_null]] } }
  p db.tables.sort, db.views, db.indexes(:customers).sort, db.foreign_key_list(:orders), db.primary_key_sequence(:customers)
  puts db.dump_schema_migration(same_db: true)

  customer, order = Class.new(Sequel::Model(db[:customers])), Class.new(Sequel::Model(db[:orders]))
  customer.plugin :dirty
  customer.one_to_many :orders, class: order, key: :customer_id
  order.many_to_one :customer, class: customer, key: :customer_id
  ada = customer.create(
    name: "Ada", email: "#{WORD}@x", ssn: "#{WORD}1", born: Date.new(1815, 12, 10), visits: 7, income: BigDecimal("1234.50"), score: 0.1,
    vip: true, seen: Time.utc(2024, 7, 1, 12, 30, 15.123456r), token: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    profile: Sequel.pg_jsonb("likes" => [1, nil, WORD]), photo: Sequel.blob("\x00\xff'\\#{WORD}".b), note: "it's a \\ note\n\t#{WORD} ünï"
  )
  p ada.reload.values
  p db[:customers].returning(:id, :email, :ssn).multi_insert((2..5).map { |i| { name: "m#{i}", email: "#{WORD}#{i}@x", ssn: i.even? ? nil : "s#{i}", visits: i } })
  p db[:orders].import(%i[customer_id amount placed card comment], (1..9).map { |i| [1 + i % 3, i, Time.utc(2024, 1, i), "#{WORD}#{i}", nil] }, slice: 4, return: :primary_key)

  p customer[email: "#{WORD}@x"].id, customer.first(ssn: "#{WORD}1")&.id, customer.where(born: Date.new(1815, 12, 10)).map(:id), customer.find(visits: 7)&.id
  p customer.where(income: BigDecimal("1234.5")).map(:id), customer.where(token: ada.token).map(:id), customer.where(visits: [3, 4, nil]).order(:id).map(:id)
  p customer.exclude(email: ["#{WORD}@x", "#{WORD}3@x"]).order(:id).map(:id), customer.where(ssn: nil).order(:id).map(:id), customer.where(ssn: "nobody").empty?
  p customer.where("email = ? AND visits = ?", "#{WORD}@x", 7).map(:id), customer.where(Sequel.|({ visits: 7 }, { ssn: "s3" })).order(:id).map(:id), db[:contacts].where(ssn: "s3").all

  p ada.update(ssn: "new", visits: 8, note: nil).previous_changes, ada.reload.values.slice(:ssn, :visits, :note)
  p db[:customers].where(email: "#{WORD}3@x").returning(:id, :note, :born).update(note: "#{WORD} up", born: Date.new(2000, 2, 29))
  p db[:customers].update(note: Sequel.case({ { id: 1 } => "one", { id: 2 } => "two" }, :note)), db[:customers].order(:id).map(:note)
  upsert = db[:customers].insert_conflict(target: :email, update: { ssn: Sequel[:excluded][:ssn], visits: 99 }, update_where: { Sequel[:customers][:visits] => 8 })
  p upsert.insert(name: "Up", email: "#{WORD}@x", ssn: "up"), db[:customers].insert_ignore.insert(name: "Up", email: "#{WORD}@x"), ada.reload.values.slice(:ssn, :visits)
  p customer.find_or_create(email: "#{WORD}f@x") { |c| c.name = "F" }.values, customer.find_or_create(email: "#{WORD}f@x").name
  failure(db) { db[:customers].insert(name: "twice", email: "#{WORD}@x") }
  failure(db) { db[:customers].insert(name: "null", email: nil) }
  failure(db) { db[:customers].insert(name: "long", email: "x", ssn: WORD + WORD) }
  failure(db) { db[:customers].insert(name: "date", email: "x", born: "2024-02-30") }
  failure(db) { db[:customers].insert(name: "big", email: "x", visits: 2**40) }

  p customer.order(:id).eager(:orders).all.map { |c| [c.email, c.orders.map { |o| [o.card, o.placed] }.sort] }
  p customer.eager_graph(:orders).order(Sequel[:customers][:id], Sequel[:orders][:id]).all.map { |c| [c.email, c.orders.map(&:card)] }
  p order.where(card: "#{WORD}3").map { |o| o.customer.email }, order.where(customer: customer.where(email: "#{WORD}@x")).order(:id).map(:card)
  p customer.association_join(:orders).where(card: "#{WORD}3").select_map(Sequel[:customers][:email]), db[:customers].group_and_count(:visits).all.sort_by(&:to_s)
  p db[:customers].distinct.select_map(:visits).sort_by(&:to_s), db[:customers].select(:visits).distinct.count, db[:customers].get { count(:visits).distinct }
  p db[:customers].order(:id).as_hash(:email, :ssn), db[:customers].order(:id).select_map(Sequel.function(:coalesce, :ssn, "none"))
  pages = []
  db[:customers].order(:id).paged_each(rows_per_fetch: 2) { |r| pages << r[:email] }
  db[:customers].order(:id).use_cursor(rows_per_fetch: 1).each { |r| db[:customers].where_current_of.update(note: "#{WORD}#{r[:id]}") }
  p pages, db[:customers].order(:id).map(:note)
  found = db[:customers].where(email: :$e).prepare(:first, :by_email)
  p 3.times.map { found.call(e: "#{WORD}@x")[:id] }, found.call(e: "nobody"), db[:orders].where(card: :$c).call(:select, c: "#{WORD}4").map { |o| o[:id] }
  p db[:customers].where(id: 1).select(:email).union(db[:customers].where(id: 2).select(:email)).map(:email).sort, db[:c].with(:c, db[:customers].where(visits: 99)).map(:email)
  puts db.copy_table(db[:customers].select(:id, :email, :note).order(:id), format: :csv)
  db.copy_into(:orders, columns: %i[customer_id amount placed card], format: :csv, data: ["1,5.5,2024-01-01,#{WORD}k1\n", "1,6.5,2024-01-01,\n"])
  p db[:orders].where(card: "#{WORD}k1").get(:amount)

  db.transaction do
    ada.update(note: "#{WORD} tx")
    db.transaction(savepoint: true) do
      ada.update(note: "#{WORD} inner")
      raise Sequel::Rollback
    end
    p ada.lock!.note
    raise Sequel::Rollback
  end
  p ada.reload.note, db[:orders].where(card: "#{WORD}3").returning(:card).delete, order.where(card: "#{WORD}4").delete

  db.alter_table(:customers) { add_column :city, String, size: 20; add_index :visits; rename_column :note, :remark }
  p db[:customers].returning(:email, :city, :remark).insert(name: "City", email: "#{WORD}c@x", city: "Paris", remark: WORD), db.indexes(:customers).keys.sort
  db.alter_table(:customers) { drop_column :city; drop_index :visits; rename_column :remark, :note }
  db[:customers].truncate(cascade: true, restart: true)
  db.disconnect
end

if ARGV[1] == "refused"
  refused
else
  application
  application(:pg_auto_parameterize)
end
