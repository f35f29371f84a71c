//! `pragati report`: one batch's Course Progress Report.

use crate::support::TestExports;

#[test]
fn a_batch_s_report_is_the_contract_s_csv() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.report("b1", &[]), @r"
    External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,Block Name,Enrollment Date,Course Progress,Completion Date
    E1,u1,Asha Kumar,as***@example.org,******1234,SCERT,Mysuru,GHS 1,Block 1,2026-10-01,40%,
    ,u2,अनीता,,,SCERT,,,,2026-10-02,100%,2026-10-05
    ");
}

#[test]
fn a_batch_without_enrolments_has_only_the_header() {
    let exports = TestExports::small();
    assert_eq!(exports.report("b2", &[]).lines().count(), 1);
}

#[test]
fn an_unknown_batch_is_an_error() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.complaint(1, "report", &["--batch", "b3"]), @"error: batch 'b3' is neither in table batches nor in table enrolments of the snapshot of 2026-11-22; check the id or choose another --date");
}
