# DBD::Pg: metadata, placeholders in LIMIT, arrays, COPY.
use strict;
use warnings;
use DBI;

my $db = DBI->connect("dbi:Pg:dbname=$ENV{PGDATABASE};host=$ENV{PGHOST};port=$ENV{PGPORT}", $ENV{PGUSER}, $ENV{PGPASSWORD},
    { RaiseError => 1, PrintError => 0 });
print "version DBD::Pg $DBD::Pg::VERSION\n";
my $failed = 0;

sub check {
    my ($name, $code) = @_;
    my $is_right = eval { $code->() };
    my $why = $@ || "another answer";
    $why =~ s/\s+/ /g;
    print $is_right ? "ok $name\n" : "FAILED $name: $why\n";
    $failed++ unless $is_right;
}

check("tables", sub { grep { /users/ } $db->tables('', 'public', '%', "TABLE") });
check("table_info", sub { my $rows = $db->table_info('', 'public', 'users', '')->fetchall_arrayref; $rows->[0][2] eq 'users' });
check("column_info", sub { my $rows = $db->column_info('', 'public', 'users', '%')->fetchall_arrayref; $rows->[0][3] eq 'user_id' });
check("pages", sub { @{ $db->selectall_arrayref("select user_id from users order by 1 limit ? offset ?", {}, 5, 10) } == 5 });
check("placeholders", sub { ($db->selectrow_array("select count(*) from users where tenant_id <> ?", {}, 'none'))[0] == 300 });
check("arrays", sub { ref(($db->selectrow_array("select array['a', 'b']"))[0]) eq 'ARRAY' });
check("copy", sub {
    $db->do("copy (select user_id from users order by 1) to stdout");
    my ($line, $lines) = ('', 0);
    $lines++ while $db->pg_getcopydata($line) >= 0;
    $lines == 300;
});
exit($failed ? 1 : 0);
