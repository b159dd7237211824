/// Who is to leave a group: a member by its id, a static one also by its instance id alone.
package struct Departure: Hashable, Sendable {
    package let memberID: MemberID
    package let instanceID: InstanceID?

    package init(memberID: MemberID, instanceID: InstanceID?) {
        self.memberID = memberID
        self.instanceID = instanceID
    }
}
