# What mails say, in English. Every other language has the same messages with the same placeables.

# Days and times

month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
day = { $day } { $month } { $year }
moment = { $date }, { $clock }

# In every mail

hello = Hello,
batch = Batch
batches = Batches
course = Course
data-as-of = Data as of
named = { $name } ({ $id })
batches-of-course = all batches of course { $course }
several-batches = { $count ->
    [one] { $count } batch
   *[other] { $count } batches
}
download-report = Download the report
asks-for-login = You will be asked to log in.
asks-nobody = Whoever has this link can download it, so please do not pass it on.
link-ends = The link works until { $moment }.
why-this-mail = You get this mail because you clicked “Download File” for this batch on the course progress dashboard on { $moment }. If that was not you, please tell your administrator.
why-subscription = You get this mail because of a subscription.
unsubscribe = Get no more of these mails
who-ends-subscription = Its subscriber or your administrator can end it.
written-by-machine = This mail was written by a machine. Request { $id }

# The mail that brings a report

report = Course Progress Report
report-subject = Course Progress Report: { $batch }, data as of { $day }
report-opening = here is the Course Progress Report that you asked for.
report-of-subscription = here is the Course Progress Report that a subscription sends you.
rows = Rows
only-rows-with = Only rows with
filter = Filter: { $column }
split-by = Split by
blank-value = (blank)
completed = Completed
yes = yes
no = no
percent-range = { $from }% to { $to }%
days-from = from { $since }
days-until = until { $until }
days-between = from { $since } until { $until }
no-row-passes = No row passes this filter, so the report has a header and no rows.
nobody-enrolled = { $batches ->
    [one] Nobody was enrolled in this batch, so the report has no rows.
   *[other] Nobody was enrolled in these batches, so the report has no rows.
}
unknown-users = { $count ->
    [one] One row has blank details, because the learner is not in the platform's user data of that day.
   *[other] { $count } rows have blank details, because the learners are not in the platform's user data of that day.
}
hidden-details = { $count ->
    [one] One row shows no name, mail address, phone number or external ID, because the learner has not consented to show them to the batch's organisation.
   *[other] { $count } rows show no name, mail address, phone number or external ID, because the learners have not consented to show them to the batch's organisation.
}
left-out = { $count ->
    [one] One learner of another organisation is not listed, because the course is not of the batch's organisation either.
   *[other] { $count } learners of other organisations are not listed, because the course is not of the batch's organisation either.
}
counted-before-filter = These learners are counted in the whole batch, before the filter.
attached = The report is attached:
attached-zip = The report is attached as a ZIP file, because it is too large by itself:
attached-protected-zip = The report is attached as a ZIP file under a password:
password-help = Your administrator tells you the password; no mail ever holds it. If your computer cannot open the file, a program that knows AES encryption can, such as 7-Zip.
too-large = The report is too large for a mail ({ $size }). Download it here:
too-large-no-link = The report is too large for a mail ({ $size }). Please open the course progress dashboard, choose this batch, and fetch the report there as a download.
also-download = You can also download it:
personal-data = The report holds personal data. Please keep it to those who need it.

# The mail that says that a report was not delivered

failure = Course Progress Report not delivered
failure-subject = Course Progress Report not delivered: { $batch }
failure-opening = the Course Progress Report that you asked for was not delivered.
unconfirmed-subject = Course Progress Report may not have reached you: { $batch }
unconfirmed-opening = the Course Progress Report that you asked for may not have reached you.
what-happened = What happened
words-of-system = In the system's words
what-to-do = What to do
reason-refused = The mail server refused the mail with the report.
reason-unavailable = The mail with the report could not be sent in time, because the mail server was not available.
reason-unconfirmed = The connection broke while the mail with the report was being sent. It may have reached you or not. So that you do not get it twice, it is not sent again.
reason-not-allowed = When the report was to be sent, the platform did not list you among those who may have it: the creator and the mentors of the batch, and admins.
reason-unknown-batch = The batch is not in the platform's latest data.
reason-not-made = The report could not be made in time.
advice-look-then-download = Please look into your inbox first. If the report is not there, download it.
advice-download = The report itself is ready. Please download it.
advice-look-then-click = Please look into your inbox first. If the report is not there, click “Download File” again.
advice-fetch = Please open the course progress dashboard, choose this batch, and fetch the report there as a download. If it happens again, tell your administrator what this mail says.
advice-not-allowed = If you should have it, ask the creator of the batch or your administrator to add you as a mentor, and click “Download File” again the day after: the data comes once a day.
advice-unknown-batch = If the batch is new, click “Download File” again tomorrow: the data comes once a day. If it is old, it may have been removed; your administrator knows.
advice-later = Please click “Download File” again later. If it happens again, tell your administrator what this mail says.
