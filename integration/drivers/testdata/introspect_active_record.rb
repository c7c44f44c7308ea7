# What ActiveRecord reads of a database, printed for comparison.
require "active_record"

ActiveRecord::Base.establish_connection(ENV["DATABASE_URL"].sub(/\Apostgres:/, "postgresql:"))
c = ActiveRecord::Base.connection
puts c.schema_names.inspect, c.tables.sort.inspect, c.views.sort.inspect
(c.tables.sort + c.views.sort).each do |t|
  c.columns(t).each { |x| puts [x.name, x.sql_type, x.type, x.limit, x.precision, x.scale, x.null, x.default, x.default_function, x.collation].inspect }
  c.indexes(t).each { |x| puts [x.name, x.unique, x.columns, x.where, x.using, x.orders, x.opclasses].inspect }
  puts c.primary_keys(t).inspect, c.foreign_keys(t).map { |x| [x.from_table, x.to_table, x.options] }.inspect
end
ActiveRecord::SchemaDumper.dump(c, $stdout)
