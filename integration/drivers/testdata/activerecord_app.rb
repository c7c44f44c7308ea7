# What an application of ActiveRecord does, printed for comparison.
require "active_record"
require "logger"

WORD = ARGV[0]

def connect(**options)
  ActiveRecord::Base.establish_connection(
    adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"], username: ENV["PGUSER"], password: ENV["PGPASSWORD"],
    database: ENV["PGDATABASE"], **options
  )
  [Customer, Order, Contact].each(&:reset_column_information)
end

class Customer < ActiveRecord::Base
  has_many :orders, dependent: :destroy
  validates :email, presence: true, uniqueness: true
end

class Order < ActiveRecord::Base
  belongs_to :customer
end

class Contact < ActiveRecord::Base
end

def failure
  ActiveRecord::Base.transaction(requires_new: true) { yield }
  puts "no error"
rescue ActiveRecord::ActiveRecordError, ActiveModel::RangeError => e
  puts [e.class, e.cause && e.cause.class, e.message.lines.first].join(" | ")
end

# An error like any other, and a session that goes on.
def refused
  connect
  ActiveRecord::Base.transaction do
    Customer.create!(name: "refused", email: WORD)
    begin
      ActiveRecord::Base.transaction(requires_new: true) { Customer.where("id > ?", 0).pluck(Arel.sql("quote_ident(note)")) }
    rescue ActiveRecord::StatementInvalid => e
      puts e.cause.result.error_field(PG::Result::PG_DIAG_SQLSTATE)
    end
    puts "refused, and usable: #{Customer.find_by(email: WORD).email}"
    raise ActiveRecord::Rollback
  end
end

def application(**options)
  connect(**options)
  # What ActiveRecord makes of the catalog decides how it sends every value.
  Customer.columns.each { |c| p [c.name, c.type, c.sql_type, c.limit, c.precision, c.scale, c.null, c.default] }
  connection = ActiveRecord::Base.connection
  p connection.indexes("customers").map { |i| [i.name, i.columns, i.unique] }.sort
  p connection.primary_key("customers"), connection.foreign_keys("orders").map { |k| [k.from_table, k.to_table, k.column, k.on_delete] }
  p connection.tables.sort, connection.views

  ada = Customer.create!(
    name: "Ada", email: "#{WORD}@example.com", ssn: "#{WORD}1", born: Date.new(1815, 12, 10), visits: 7, income: BigDecimal("1234.50"), score: 0.1,
    vip: true, seen: Time.utc(2024, 7, 1, 12, 30, 15.123456r), token: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    profile: { "likes" => [1, nil, WORD], "a" => { "b" => "é" } }, photo: "\x00\xff'\\".b + WORD.b, note: "it's a \\ note\n\t#{WORD} ünï"
  )
  p ada.reload.attributes
  p Customer.create!(name: "Null", email: "#{WORD}2@example.com").reload.attributes
  3.times { p Customer.find_by(email: "#{WORD}@example.com").id }
  p Customer.find_by(ssn: "#{WORD}1")&.name, Customer.find_by(born: Date.new(1815, 12, 10))&.name, Customer.find_by(visits: 7)&.name
  p Customer.find_by(income: BigDecimal("1234.5"))&.name, Customer.find_by(token: ada.token)&.name, Customer.find_by(ssn: "nobody")
  p Customer.where(ssn: nil).pluck(:email), Customer.where.not(email: ada.email).pluck(:id), Customer.where(email: [ada.email, "#{WORD}2@example.com"]).order(:id).ids
  p Customer.where(visits: [7, 8, nil]).order(:id).ids, Customer.exists?(ssn: "#{WORD}1"), Customer.where(ssn: "#{WORD}1").count
  p Customer.where("email = ? AND visits = ?", ada.email, 7).first&.id, Customer.where("ssn = :ssn", ssn: "#{WORD}1").take&.id
  p Contact.find_by(ssn: "#{WORD}1")&.email

  ada.update!(ssn: "#{WORD}x", visits: 8, profile: [1, WORD], vip: nil)
  p ada.saved_changes.keys, ada.reload.slice(:ssn, :visits, :profile, :vip)
  p Customer.where(ssn: "#{WORD}x").update_all(note: "#{WORD} all"), ada.reload.note
  p Customer.find_or_create_by!(email: "#{WORD}3") { |c| c.name = "Three" }.name, Customer.find_or_create_by!(email: "#{WORD}3").name
  p Customer.create(name: "twice", email: ada.email).errors.full_messages
  failure { Customer.new(name: "twice", email: ada.email).save!(validate: false) }
  failure { Customer.create!(name: "long", email: "x", ssn: WORD + WORD) }
  failure { Customer.new(name: "null").save!(validate: false) }
  failure { Customer.create!(name: "big", email: "x", visits: 2**40) }
  failure { Customer.create!(name: "big", email: "x", income: BigDecimal("1e10")) }

  Customer.transaction do
    ada.update!(note: "#{WORD} undone")
    Customer.transaction(requires_new: true) do
      ada.update!(note: "#{WORD} inner")
      raise ActiveRecord::Rollback
    end
    p Customer.find(ada.id).note
    p ada.lock!.visits
    raise ActiveRecord::Rollback
  end
  p ada.reload.note

  5.times { |i| ada.orders.create!(amount: i, placed: Time.utc(2024, 1, 1), card: "#{WORD}#{i}", comment: "order #{WORD}") }
  p Order.includes(:customer).where(card: "#{WORD}3").map { |o| [o.customer.email, o.card, o.comment] }
  p Customer.joins(:orders).where(orders: { card: "#{WORD}3" }).pluck(:email, "orders.card")
  p Customer.left_joins(:orders).where(orders: { id: nil }).order(:id).pluck(:email)
  p Customer.joins(:orders).distinct.order(:id).pluck(:id, :email), Customer.joins(:orders).distinct.map(&:note), Customer.joins(:orders).distinct.count
  p Customer.distinct.pluck(:visits).compact.sort, Customer.group(:visits).count.sort_by(&:to_s), Customer.distinct.count(:born)
  p Customer.sum(:visits), Customer.average(:visits), Customer.maximum(:income), Customer.minimum(:born), Customer.group(:name).sum(:visits).sort, Customer.where(visits: 7).sum("income * visits")
  p Customer.select("upper(name) AS whole, visits + 1 AS more").order(:id).limit(3).map { |c| [c.whole, c.more] }, Customer.from(Customer.select("id, concat(name, email) AS whole"), :customers).count
  p Customer.group("date_trunc('month', born)").count.sort_by(&:to_s), Customer.group("visits / 5").having("count(*) > 0").sum(:income).sort_by(&:to_s), Customer.group("upper(name)").order("upper(name)").maximum(:seen)
  p Customer.order(visits: :desc, born: :asc, id: :asc).limit(3).offset(1).pluck(:id), Customer.order(:born, :id).first.id, Customer.order(:visits, :id).last.id
  p Customer.where("visits > ?", 7).count, Customer.where(visits: 3..8).order(:visits, :id).pluck(:visits), Customer.where(born: Date.new(1999)..).exists?
  p Customer.group(:name).having("sum(visits) > ?", 3).order("sum(visits) DESC").sum(:visits), Customer.group(:name).order(Arel.sql("sum_visits DESC"), :name).sum(:visits)
  p Customer.order(:email).pluck(:email), Customer.order(note: :desc, id: :asc).first.id, Customer.maximum(:email), Customer.minimum(:note)
  p Customer.where("email LIKE ?", "%#{WORD}%").order(email: :desc).pluck(:email), Customer.where("note ILIKE :q OR email ILIKE :q", q: "%#{WORD.upcase}%").count
  p Customer.where(email: "#{WORD}0".."#{WORD}3").order(:id).ids, Customer.where("extract(year FROM born) = ?", 2000).count, Customer.where("length(email) = ?", WORD.length + 1).count
  Customer.transaction do
    p Customer.where("visits > ?", 3).update_all("visits = visits + 100"), Customer.where("visits > 100 AND email LIKE ?", "%4").delete_all, Customer.where("born < now()").delete_all
    raise ActiveRecord::Rollback
  end
  p Customer.joins(:orders).group(:email).sum(:amount), Customer.joins(:orders).group(:id).order(:id).pluck(:id, :note, "count(orders.id)")
  p Customer.eager_load(:orders).where(orders: { card: "#{WORD}3" }).limit(1).map { |c| [c.email, c.orders.map(&:card)] }
  p Customer.where(id: Order.where(card: "#{WORD}3").select(:customer_id)).ids, Customer.where(email: Customer.where(visits: 8).select(:email)).ids
  p Customer.where(visits: 8).or(Customer.where(ssn: nil)).order(:id).ids, Customer.order(:id).pluck(Arel.sql("coalesce(ssn, 'none')"), Arel.sql("note::text"))
  p Customer.order(:id).pluck(Arel.sql("CASE WHEN ssn IS NULL THEN 'none' ELSE ssn END"), Arel.sql("row_number() OVER (PARTITION BY visits ORDER BY id)"))
  p Customer.where("ssn IS NOT DISTINCT FROM ?", nil).order(:id).ids, Customer.update_all(["note = COALESCE(?, note)", nil]), Customer.having("count(*) > 1").group(:born).count.size
  p Order.insert_all((10..14).map { |i| { customer_id: ada.id, amount: i, placed: Time.utc(2024, 1, 1), card: "#{WORD}#{i}" } }, returning: %w[card]).rows
  p Customer.upsert_all([{ name: "Up", email: ada.email, visits: 9 }, { name: "New", email: "#{WORD}4", visits: 1 }], unique_by: :email).length
  p ada.reload.slice(:name, :visits)
  Order.find_each(batch_size: 4) { |o| print o.card.strip, " " }
  puts
  p Order.where(card: "#{WORD}14").delete_all, ada.destroy!.id, Order.count, Customer.count

  # The schema as it would be dumped, and a migration of a table with sealed
  # columns.
  dumped = StringIO.new
  ActiveRecord::SchemaDumper.dump(connection, dumped)
  puts dumped.string.lines.reject { |l| l.start_with?("#") || l.include?("define(") }
  ActiveRecord::Migration.verbose = false
  Class.new(ActiveRecord::Migration[6.1]) do
    def change
      add_column :customers, :city, :string, limit: 20
      add_index :customers, :visits
    end
  end.tap { |m| m.migrate(:up) }.then do |m|
    Customer.reset_column_information
    p Customer.create!(name: "City", email: "#{WORD}5", city: "Paris", visits: 3).reload.slice(:email, :city, :visits)
    p connection.indexes("customers").map { |i| [i.name, i.columns, i.unique] }.sort
    m.migrate(:down)
  end
  connection.execute("TRUNCATE customers, orders RESTART IDENTITY")
  ActiveRecord::Base.remove_connection
end

if ARGV[1] == "refused"
  refused
else
  application
  application(prepared_statements: false)
end
