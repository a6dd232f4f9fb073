"""What several benchmarks need: options, engines, networks, records, tables and charts."""
